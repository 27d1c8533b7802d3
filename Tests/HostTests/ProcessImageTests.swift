import Host
import Testing

@Suite struct ProcessImageTests {
    @Test func itKnowsWhatItWasStartedWith() {
        #expect(!ProcessImage.arguments.isEmpty)
        #expect(ProcessImage.arguments == CommandLine.arguments)
    }
}

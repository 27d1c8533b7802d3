import Host
import Testing

@Suite struct EventDescriptorTests {
    @Test func signalsAddUpUntilTheyAreTaken() throws {
        let event = try EventDescriptor()
        #expect(event.drain() == 0)
        for _ in 0..<3 { event.signal() }
        #expect(event.drain() == 3)
        #expect(event.drain() == 0)
    }

    @Test func aWaitEndsWithASignalOfBefore() throws {
        let event = try EventDescriptor()
        event.signal()
        event.signal()
        event.wait()
        #expect(event.drain() == 0, "the wait takes them all")
    }

    @Test func aWaitEndsWithASignalOfAnotherThread() throws {
        let (there, back) = (try EventDescriptor(), try EventDescriptor())
        let thread = try Thread(name: "answerer") {
            for _ in 0..<100 {
                there.wait()
                back.signal()
            }
        }
        for _ in 0..<100 {
            there.signal()
            back.wait()
        }
        thread.join()
    }
}

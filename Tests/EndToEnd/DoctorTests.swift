import Testing

/// `swiftlet doctor` where guests run; `CommandLineTests` has all other hosts.
@Suite(.needsKVMHost) struct DoctorTests {
    @Test func aHostThatRunsGuests() throws {
        let process = try SwiftletProcess(["doctor"])
        try reportingOutput(of: process) {
            try #require(try process.waitUntilEnded() == .exited(0))
            try #require(process.output.text.hasSuffix("Linux guests can run on this host.\n"))
        }
    }
}

import Glibc
import Host
import SystemPackage
import Testing

@Suite struct ChildProcessTests {
    /// Starts a shell with a script; what it writes can be read from the pipe that is returned.
    private static func start(_ script: String, input: FileDescriptor) throws -> (ChildProcess, FileDescriptor) {
        let output = try FileDescriptor.pipe(options: .closeOnExec)
        defer { try? output.writeEnd.close() }
        let child = try ChildProcess(
            "/bin/sh", ["-c", script], input: input, output: output.writeEnd, error: .standardError,
            inherited: [input])
        return (child, output.readEnd)
    }

    @Test func itGetsWhatItIsGivenAndIsLookedAfter() throws {
        let input = try FileDescriptor.pipe(options: .closeOnExec)
        let (child, output) = try Self.start("read a; echo \"got $a\"; read b <&3; exit 3", input: input.readEnd)
        defer { try? output.close() }
        try input.readEnd.close()
        #expect(child.poll() == nil)
        try input.writeEnd.writeAll("one\n".utf8)
        #expect(try ByteStream.read(output) == .bytes(Array("got one\n".utf8)))
        #expect(child.poll() == nil, "it waits for the other descriptor")
        try input.writeEnd.close()
        #expect(child.wait() == .exited(status: 3))
        #expect(child.poll() == .exited(status: 3), "also when it is asked again")
    }

    /// Whatever numbers they have here, also those that others of them get there.
    @Test func descriptorsGetTheirNumbersInOrder() throws {
        let pipes = try (0..<12).map { _ in try FileDescriptor.pipe(options: .closeOnExec) }
        defer { pipes.forEach { try? $0.readEnd.close() } }
        for (index, pipe) in pipes.enumerated() {
            try pipe.writeEnd.writeAll("\(index)\n".utf8)
            try pipe.writeEnd.close()
        }
        let ends = pipes.map(\.readEnd).sorted { $0.rawValue > $1.rawValue }
        let order = ends.map { end in pipes.firstIndex { $0.readEnd == end } ?? -1 }
        let output = try FileDescriptor.pipe(options: .closeOnExec)
        defer { try? output.readEnd.close() }
        let script = "for n in 3 4 5 6 7 8 9 10 11 12 13 14; do cat /proc/self/fd/$n; done"
        let child = try ChildProcess(
            "/bin/bash", ["-c", script], input: .standardInput, output: output.writeEnd, error: .standardError,
            inherited: ends)
        try output.writeEnd.close()
        #expect(child.wait() == .exited(status: 0))
        #expect(try ByteStream.read(output.readEnd) == .bytes(Array(order.map { "\($0)\n" }.joined().utf8)))
    }

    @Test func whatKilledItIsTold() throws {
        let input = try FileDescriptor.pipe(options: .closeOnExec)
        defer { try? input.writeEnd.close() }
        let (child, output) = try Self.start("read a", input: input.readEnd)
        defer { try? output.close() }
        try input.readEnd.close()
        child.send(signal: SIGKILL)
        #expect(child.wait() == .killed(signal: SIGKILL))
        child.send(signal: SIGKILL)
    }

    @Test func aProgramThatIsNotThere() {
        let error = #expect(throws: SystemCallError.self) {
            _ = try ChildProcess(
                "/nowhere/program", [], input: .standardInput, output: .standardOutput, error: .standardError,
                inherited: [.standardInput])
        }
        #expect(error?.errno == .noSuchFileOrDirectory)
    }
}

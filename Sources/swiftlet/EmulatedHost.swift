import Glibc
import Host
import SystemPackage

/// The emulated host of Tools/kvm-host, in which this program runs again.
struct EmulatedHost {
    private let program: FilePath
    private let memory: String
    private let reports: FilePath

    /// Whether this machine can't run Linux guests itself: software KVM can't, and its processor says so.
    static var isNeeded: Bool {
        let processor = HostProcessor.host
        return !(processor.hasVMX || processor.hasSVM)
            || (try? OwnedFileDescriptor(opening: "/dev/kvm", .readWrite)) == nil
    }

    /// - Parameters:
    ///   - memory: of the host.
    ///   - reports: the only directory that outlives it.
    /// - Throws: `Refusal` where Tools/kvm-host is not found.
    init(memory: String, reports: FilePath) throws {
        self.memory = memory
        self.reports = reports
        if let path = environmentVariable("SWIFTLET_KVM_HOST") {
            program = FilePath(path)
            return
        }
        var directory = try ProcessImage.path().removingLastComponent()
        while directory.lastComponent != nil {
            let path = directory.appending("Tools").appending("kvm-host")
            if (try? Stat(path)) != nil {
                program = path
                return
            }
            directory.removeLastComponent()
        }
        throw Refusal(
            "this machine can't run Linux guests, and Tools/kvm-host, which emulates one that can, is not above"
                + " \(try ProcessImage.path()): SWIFTLET_KVM_HOST names it")
    }

    /// Runs this program there. An emulated host stands still now and then: the run goes on in another one.
    ///
    /// - Parameters:
    ///   - arguments: of `swiftlet test`.
    ///   - beginning: further ones, of a run that does not go on.
    /// - Returns: the program's status.
    func run(_ arguments: [String], beginning: [String]) throws -> Int32 {
        _ = unsafe setenv("KVM_HOST_OUT", reports.string, 1)
        let own = try ProcessImage.path().string
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        var further = beginning
        for attempt in 1... {
            let child = try ChildProcess(
                program, ["--memory", memory, "--emulated", "--", own] + arguments + further, input: .standardInput,
                output: .standardOutput, error: .standardError, inherited: [])
            let status = Self.wait(for: child, signals)
            guard status == Self.hostFailed, attempt < Self.attempts else { return status }
            complain("the emulated host has failed; going on in another one")
            if (try? Stat(reports.appending("report.json"))) != nil { further = Self.resumption }
        }
        return Self.hostFailed
    }

    /// What goes on has its seed from the report.
    static let resumption = ["--resume"]

    /// Of Tools/kvm-host, where there was no host, or it broke.
    private static let hostFailed: Int32 = 125
    private static let attempts = 3

    private static func wait(for child: ChildProcess, _ signals: borrowing SignalDescriptor) -> Int32 {
        while true {
            switch child.poll() {
            case .exited(let status): return status
            case .killed(let signal): return 128 + signal
            case nil: break
            }
            _ = ByteStream.waitUntilReadable(signals.descriptor, milliseconds: 200)
            while let signal = signals.next() { child.send(signal: signal) }
        }
    }
}

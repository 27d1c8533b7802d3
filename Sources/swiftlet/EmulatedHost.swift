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

    /// Turns this process into one that runs this program there.
    ///
    /// - Returns: why that can't be done.
    func become(_ arguments: [String]) throws -> Refusal {
        _ = unsafe setenv("KVM_HOST_OUT", reports.string, 1)
        let own = try ProcessImage.path().string
        let error = ProcessImage.replace(
            with: program, arguments: ["--memory", memory, "--emulated", "--", own] + arguments, keeping: [])
        return Refusal("\(program): \(error)")
    }
}

import Foundation
import Testing

/// One of the kernels that GuestImages/build fetched, in one of the two forms that `--kernel` takes.
struct GuestKernel: CustomTestStringConvertible, Sendable {
    enum Form: String, Sendable {
        case bzImage = "vmlinuz"
        case elf = "vmlinux"
    }

    let version: String
    let form: Form
    /// Whether its initramfs is the one that holds the kernel once more, for kexec and kdump.
    private(set) var hasKernelInside = false
    /// An initramfs that takes the place of its own.
    private var otherInitialRAMDisk: String?

    private init(version: String, form: Form) {
        self.version = version
        self.form = form
    }

    /// Debian 12's.
    static func debian12(_ form: Form = .elf) -> GuestKernel { GuestKernel(version: "6.1", form: form) }
    /// Debian 13's.
    static func debian13(_ form: Form = .elf) -> GuestKernel { GuestKernel(version: "6.12", form: form) }

    /// The kernels of a test that holds for all: one when `SWIFTLET_KERNEL` names it (6.1 or 6.12), so that the parts of
    /// the test suite can share the kernels out.
    static let each: [GuestKernel] = {
        let name = TestHost.environment["SWIFTLET_KERNEL"]
        return [debian12(), debian13()].filter { name == nil || name == $0.version }
    }()

    private var directory: String { TestHost.guestImages + "/" + version }
    var path: String { directory + "/" + form.rawValue }
    var initialRAMDisk: String {
        if let otherInitialRAMDisk { return otherInitialRAMDisk }
        return hasKernelInside ? "\(TestHost.guestImages)/../kdump/\(version)/initrd" : directory + "/initrd"
    }

    /// The disk that GuestImages/build makes to be the root of its guests; nobody writes to it.
    var rootDisk: String { "\(TestHost.guestImages)/../root/\(version)/root.img" }

    /// Makes a root disk to write to. Only what its file system uses is read: the emulated host reads slowly.
    func copyRootDisk(to path: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/sbin/e2image")
        process.arguments = ["-ra", rootDisk, path]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TestFailure("copying \(rootDisk) failed") }
    }

    /// The same, with itself and what a crash kernel needs in its file system: /boot/vmlinuz and /boot/initrd.
    var withKernelInside: GuestKernel {
        var copy = self
        copy.hasKernelInside = true
        return copy
    }

    /// The same, with programs of the host in its file system.
    func adding(_ programs: [String], in directory: TemporaryDirectory) throws -> GuestKernel {
        let file = directory.file("initrd")
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let tool = source.appendingPathComponent("../../../GuestImages/lib/add_programs.py").path
        let command = ([tool, initialRAMDisk, file] + programs).joined(separator: " ")
        let (text, status) = try Shell.run(command)
        guard status == 0 else { throw TestFailure("\(command): \(text)") }
        var copy = self
        copy.otherInitialRAMDisk = file
        return copy
    }

    var arguments: [String] { ["--kernel", path, "--initrd", initialRAMDisk] }

    /// What `uname -r` says in the guest.
    func release() throws -> String {
        let text = try String(contentsOfFile: directory + "/version", encoding: .utf8)
        let prefix = "kernel: "
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }) else {
            throw TestFailure("\(directory)/version does not name the kernel: \(text)")
        }
        return String(line.dropFirst(prefix.count))
    }

    var testDescription: String { "\(version) \(form)" }
}

import Host
import Scenario
import SystemPackage

/// The kernel and initramfs that a scenario's guest boots.
struct GuestFiles {
    /// Of `swiftlet run`; empty where the machine names its own kernel.
    let arguments: [String]

    /// - Parameter cache: where GuestImages/build puts what it makes.
    /// - Throws: `RunnerError` where they are not there.
    init(_ scenario: Scenario, cache: FilePath) throws {
        guard !scenario.machine.entries.contains(where: { $0.option == "kernel" }) else {
            arguments = []
            return
        }
        let version = scenario.guest.kernel ?? "default"
        let kernels = cache.appending("guest").appending(version)
        var initrd = kernels.appending("initrd")
        if scenario.guest.image == .kdump {
            // The kernel whose second one is inside.
            let link = scenario.guest.kernel ?? Self.usualVersion(kernels)
            initrd = cache.appending("kdump").appending(link).appending("initrd")
        }
        let kernel = kernels.appending("vmlinuz")
        for path in [kernel, initrd] where (try? Stat(path)) == nil {
            let option = scenario.guest.image == .kdump ? " --kdump" : ""
            throw RunnerError("there is no \(path): GuestImages/build\(option) makes it")
        }
        arguments = ["--kernel", kernel.string, "--initrd", initrd.string]
    }

    /// The version that the link of the usual guest leads to, such as `6.1`.
    private static func usualVersion(_ link: FilePath) -> String {
        guard let path = try? Directory.realPath(Array(link.string.utf8)),
            let name = FilePath(String(decoding: path, as: UTF8.self)).lastComponent?.string
        else { return "6.1" }
        // Directories are called `.6.1-DIGEST`; links with plain names lead to them.
        return String(name.drop { $0 == "." }.prefix { $0 != "-" })
    }
}

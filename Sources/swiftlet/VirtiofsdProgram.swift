import Configuration
import Glibc
import Host
import SystemPackage

/// virtiofsd, which serves a directory to a guest: QEMU's own, in C, or the one in Rust that took its place. They take
/// different options.
struct VirtiofsdProgram {
    private let path: FilePath
    private let isRust: Bool

    /// Where distributions have it, beside what is in PATH.
    private static let places = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"]

    /// - Throws: `Refusal` where there is none.
    init() throws {
        let searched = (unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "").split(separator: ":")
        let candidates = searched.map { "\($0)/virtiofsd" } + Self.places
        guard let found = candidates.first(where: { unsafe access($0, X_OK) == 0 }) else {
            throw Refusal(
                "--share: virtiofsd is not here: 'apt install qemu-system-common' (Debian 12), or 'virtiofsd' (later)")
        }
        path = FilePath(found)
        // The other one may not get as far as its help, and complain.
        let help = try? ProcessImage.output(of: path, arguments: ["--help"], showsErrors: false)
        isRust = help?.text.contains("--shared-dir") ?? false
    }

    /// Starts one for a directory.
    ///
    /// - Parameter errors: takes what it complains about.
    /// - Throws: `Refusal`.
    func start(_ fileSystem: FileSystem, isReadOnly: Bool, errors: FileDescriptor) throws -> ShareServer {
        let directory = FilePath(fileSystem.path).fromRoot
        // Without root's rights, those in a name space of one's own are enough.
        let hasUser = geteuid() != 0
        do {
            return try ShareServer(
                path, arguments(directory), directory: directory, isReadOnly: isReadOnly, hasUser: hasUser,
                errors: errors)
        } catch {
            let hint =
                error.call == "unshare"
                ? ": a read-only share, and one of a user who is not root, needs name spaces: run it as root, or allow"
                    + " them (kernel.unprivileged_userns_clone, user.max_user_namespaces)" : ""
            throw Refusal("\(fileSystem.option): virtiofsd can't be started: \(error)\(hint)")
        }
    }

    private func arguments(_ directory: FilePath) -> [String] {
        let listener = "--fd=\(ShareServer.listenerNumber)"
        guard !isRust else {
            return [listener, "--shared-dir=\(directory)", "--log-level=error"]
        }
        // Signs that mean something to its options.
        var source = ""
        for scalar in directory.string.unicodeScalars {
            if scalar == "," || scalar == "\\" { source.unicodeScalars.append("\\") }
            source.unicodeScalars.append(scalar)
        }
        return ["-f", listener, "-o", "source=\(source)", "-o", "log_level=err"]
    }
}

import Configuration
import Host
import SystemPackage

/// `swiftlet-vmm`, the program that holds a guest. It stands beside this one.
struct VMMProgram {
    let path: FilePath

    /// - Throws: `Refusal` where it is not there.
    init() throws {
        path = try SiblingProgram.path(of: "swiftlet-vmm")
    }

    /// Turns this process into it.
    ///
    /// - Returns: only where that failed, with the reason.
    func become(_ request: LaunchRequest, keeping descriptors: [FileDescriptor]) -> SystemCallError {
        ProcessImage.replace(with: path, arguments: request.arguments(), keeping: descriptors)
    }

    /// Starts it in the background, without a terminal.
    ///
    /// - Parameter log: takes what it writes to standard error.
    /// - Returns: the number of its process.
    func start(
        _ request: LaunchRequest, keeping descriptors: [FileDescriptor], log: FileDescriptor
    ) throws(SystemCallError) -> Int32 {
        try ProcessImage.startInBackground(path, arguments: request.arguments(), keeping: descriptors, errors: log)
    }

    /// Asks it what this host can do.
    func probe() throws -> ProbeReport {
        let (text, status) = try ProcessImage.output(of: path, arguments: ["--probe"])
        guard status == 0 || !text.isEmpty else {
            throw Refusal("\(path) --probe ended with status \(status) and said nothing")
        }
        return ProbeReport(text)
    }
}

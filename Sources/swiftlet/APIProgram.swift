import Configuration
import Host
import SystemPackage

/// `swiftlet-api`, the program that serves Cloud Hypervisor's API. It stands beside this one.
struct APIProgram {
    let path: FilePath

    /// - Throws: `Refusal` where it is not there.
    init() throws {
        path = try SiblingProgram.path(of: "swiftlet-api")
    }

    /// Turns this process into it.
    ///
    /// - Throws: `ConfigurationError`, or why that failed.
    func become(_ request: APIServerRequest) throws {
        try request.check()
        throw ProcessImage.replace(with: path, arguments: request.arguments(), keeping: [])
    }
}

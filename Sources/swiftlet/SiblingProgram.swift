import Host
import SystemPackage

/// The programs that stand beside this one.
enum SiblingProgram {
    /// - Throws: `Refusal` where it is not there.
    static func path(of name: String) throws -> FilePath {
        let own = try ProcessImage.path()
        let path = own.removingLastComponent().appending(name)
        do {
            _ = try Stat(path)
        } catch {
            throw Refusal("\(path): \(error). It belongs beside \(own); Tools/build makes both")
        }
        return path
    }
}

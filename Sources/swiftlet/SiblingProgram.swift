import Host
import SystemPackage

/// The programs that stand beside this one.
enum SiblingProgram {
    /// - Throws: `Refusal` where it is not there.
    static func path(of name: String) throws -> FilePath {
        let own = try ProcessImage.path().string
        // Each start comes by here: FilePath takes long to take itself apart.
        let directory = own.utf8.lastIndex(of: UInt8(ascii: "/")).map { own[...$0] } ?? ""
        let path = FilePath("\(directory)\(name)")
        do {
            _ = try Stat(path)
        } catch {
            throw Refusal("\(path): \(error). It belongs beside \(own); Tools/build makes both")
        }
        return path
    }
}

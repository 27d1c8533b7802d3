import Host
import SystemPackage

/// `swiftlet`, the program that starts machines. It stands beside this one.
enum RunProgram {
    /// - Throws: `SystemCallError` where it is not there.
    static func path() throws(SystemCallError) -> FilePath {
        let path = try ProcessImage.path().removingLastComponent().appending("swiftlet")
        _ = try OwnedFileDescriptor(opening: path, .readOnly)
        return path
    }
}

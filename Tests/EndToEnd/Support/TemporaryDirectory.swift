import Foundation

/// A directory that is gone, with all that is in it, when this value is.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/swiftlet-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestFailure("making a temporary directory: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in it.
    func file(_ name: String) -> String {
        path + "/" + name
    }

    /// Makes a file in it.
    ///
    /// - Returns: its path.
    func write(_ name: String, _ content: Data) throws -> String {
        try content.write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}

import Host
import SystemPackage

/// Why something can't be copied.
public struct CopyError: Error, Sendable, Equatable, CustomStringConvertible {
    public let path: String
    public let reason: String

    init(_ path: [UInt8], _ reason: String) {
        self.path = String(decoding: path, as: UTF8.self)
        self.reason = reason
    }

    public var description: String { "\(path): \(reason)" }

    /// Does something with a file, whose name goes into the error where that fails.
    static func naming<Value: ~Copyable>(
        _ path: [UInt8], _ body: () throws(SystemCallError) -> Value
    ) throws(CopyError) -> Value {
        do {
            return try body()
        } catch {
            throw CopyError(path, "\(error.errno)")
        }
    }
}

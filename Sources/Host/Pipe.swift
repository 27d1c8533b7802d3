import SystemPackage

/// A pipe whose ends other programs do not get unless they are given them.
public struct Pipe: ~Copyable {
    public let readEnd: OwnedFileDescriptor
    public let writeEnd: OwnedFileDescriptor

    /// - Throws: `SystemCallError` (EMFILE, ENFILE).
    public init() throws(SystemCallError) {
        do throws(Errno) {
            let ends = try FileDescriptor.pipe(options: .closeOnExec)
            readEnd = OwnedFileDescriptor(ends.readEnd)
            writeEnd = OwnedFileDescriptor(ends.writeEnd)
        } catch {
            throw SystemCallError("pipe", error)
        }
    }

    /// Keeps one end and closes the other.
    public consuming func takeReadEnd() -> OwnedFileDescriptor { readEnd }
    public consuming func takeWriteEnd() -> OwnedFileDescriptor { writeEnd }
}

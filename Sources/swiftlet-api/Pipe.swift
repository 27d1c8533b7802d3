import Glibc
import Host
import SystemPackage

/// A pipe whose ends other programs do not get unless they are given them.
struct Pipe: ~Copyable {
    let readEnd: OwnedFileDescriptor
    let writeEnd: OwnedFileDescriptor

    /// - Throws: `SystemCallError` (EMFILE, ENFILE).
    init() throws(SystemCallError) {
        do throws(Errno) {
            let ends = try FileDescriptor.pipe(options: .closeOnExec)
            readEnd = OwnedFileDescriptor(ends.readEnd)
            writeEnd = OwnedFileDescriptor(ends.writeEnd)
        } catch {
            throw SystemCallError("pipe", error)
        }
    }

    /// Keeps one end and closes the other.
    consuming func takeReadEnd() -> OwnedFileDescriptor { readEnd }
    consuming func takeWriteEnd() -> OwnedFileDescriptor { writeEnd }
}

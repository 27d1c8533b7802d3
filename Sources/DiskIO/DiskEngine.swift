import SystemPackage

/// Carries out requests of a disk, many at a time, without keeping anybody waiting. It belongs to whoever has the disk
/// locked.
public protocol DiskEngine: AnyObject {
    /// Readable while there are requests that are done.
    var completions: FileDescriptor { get }

    /// Begins a request, at the latest with the next `start()`. There are at most as many at a time as the engine was
    /// made for.
    ///
    /// - Parameter tag: what its end is told by.
    func submit(_ request: DiskRequest, tag: Int)
    /// Begins what was submitted.
    func start()
    /// Tells of requests that are done. How many bytes were read or written, which may be fewer than asked for; 0 for
    /// other requests; or a negated errno.
    func takeCompletions(_ body: (_ tag: Int, _ result: Int) -> Void)
    /// Waits until a request is done; there must be one under way.
    func waitForCompletion()
}

extension DiskEngine {
    /// An error among the results of `takeCompletions`.
    public static func errno(of result: Int) -> Errno? {
        result < 0 ? Errno(rawValue: CInt(clamping: -result)) : nil
    }
}

/// Memory of the process for what does not fit into a guest's.
@safe public final class OverflowBuffer: @unchecked Sendable {
    // Sendable: whoever reads into it, and whoever copies out of it, have it one after the other.

    /// Bytes.
    public let capacity: Int
    let base: UnsafeMutableRawPointer

    public init(capacity: Int) {
        self.capacity = capacity
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        unsafe base.deallocate()
    }

    var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: capacity)
    }
}

import GuestMemory

/// The buffers of the newest chains of a queue, those that were taken together.
///
/// Each chain that is taken passes through here. An array would be checked for other owners, and for who else has access to
/// it, with each buffer: a fifth of the instructions that a chain takes.
@safe struct ChainBuffers: ~Copyable {
    private let storage: UnsafeMutableBufferPointer<GuestBuffer>

    /// How many there is room for.
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
        unsafe storage.initialize(repeating: GuestBuffer(address: GuestAddress(0), count: 0))
    }

    deinit {
        unsafe storage.deallocate()
    }

    /// - Precondition: the index is below the capacity.
    subscript(index: Int) -> GuestBuffer {
        get {
            precondition(index >= 0 && index < capacity, "no such buffer")
            return unsafe storage[index]
        }
        nonmutating set {
            precondition(index >= 0 && index < capacity, "no such buffer")
            unsafe storage[index] = newValue
        }
    }
}

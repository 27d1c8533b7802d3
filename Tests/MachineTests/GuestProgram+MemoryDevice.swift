/// A driver of the first memory device, as a guest of a few instructions can be one: one request at a time, polled.
extension GuestProgram {
    private static let registers: UInt32 = 0xD000_0000
    private static let descriptors: UInt32 = 0x10_1000
    private static let available: UInt32 = 0x10_1100
    private static let used: UInt32 = 0x10_1200
    private static let request: UInt32 = 0x10_1300
    private static let response: UInt32 = 0x10_1340

    private mutating func set(_ register: UInt32, _ value: UInt32) {
        store(value, at: Self.registers + register)
    }

    /// Everything until DRIVER_OK.
    ///
    /// - Parameter features: of the device type; VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE by default.
    mutating func startMemoryDevice(features: UInt32 = 2) {
        for status in [0, 1, 3] as [UInt32] { set(0x70, status) }
        set(0x24, 0)
        set(0x20, features)
        set(0x24, 1)
        set(0x20, 1)  // VIRTIO_F_VERSION_1
        set(0x70, 11)
        set(0x30, 0)
        set(0x38, 8)
        set(0x80, Self.descriptors)
        set(0x90, Self.available)
        set(0xA0, Self.used)
        set(0x44, 1)
        set(0x70, 15)
        // Two descriptors: 24 bytes to read, with a next one; 10 to write.
        let parts: [(address: UInt32, length: UInt32, flags: UInt32)] = [
            (Self.request, 24, 1 << 16 | 1), (Self.response, 10, 2),
        ]
        for (number, part) in parts.enumerated() {
            let descriptor = Self.descriptors + UInt32(number) * 16
            store(part.address, at: descriptor)
            store(part.length, at: descriptor + 8)
            store(part.flags, at: descriptor + 12)
        }
    }

    /// Sends a request, waits for the answer and prints its type as a digit.
    ///
    /// - Parameters:
    ///   - number: how many there were before.
    ///   - offset: of the first block in the region at 4 GiB.
    mutating func request(_ type: UInt32, offset: UInt32 = 0, blocks: UInt32 = 0, number: UInt32) {
        store(type, at: Self.request)
        store(offset, at: Self.request + 8)
        store(1, at: Self.request + 12)
        store(blocks, at: Self.request + 16)
        store((number + 1) << 16, at: Self.available)
        set(0x50, 0)
        // again: mov eax, [used]; shr eax, 16; cmp eax, number + 1; jne again
        let again = code.count
        load(Self.used)
        emit(0xC1, 0xE8, 0x10, 0x83, 0xF8, UInt8(number + 1), 0x75)
        emit(UInt8(truncatingIfNeeded: again - code.count - 1))
        load(Self.response)
        emit(0x04, 0x30)  // add al, '0'
        printAL()
    }

    /// Makes more available than the queue has room for.
    mutating func breakQueue() {
        store(100 << 16, at: Self.available)
        set(0x50, 0)
    }

    /// Waits until the configuration changed, and says that it has seen it.
    mutating func waitForConfigurationChange() {
        // again: mov eax, [interrupt status]; test al, 2; jz again
        let again = code.count
        load(Self.registers + 0x60)
        emit(0xA8, 0x02, 0x74)
        emit(UInt8(truncatingIfNeeded: again - code.count - 1))
        set(0x64, 3)
    }

    /// Maps the first 2 MiB of the region, which lie behind the 4 GiB that are mapped from the start.
    mutating func mapRegion() {
        // The fifth entry of the page directory pointers leads to a directory at 0x102000, its first entry to 4 GiB.
        store(0x10_2003, at: 0xA020)
        store(0, at: 0xA024)
        store(0x83, at: 0x10_2000)
        store(1, at: 0x10_2004)
    }

    /// mov rbx, 4 GiB; mov byte [rbx], value
    mutating func storeInRegion(_ value: UInt8) {
        emit(0x48, 0xBB, 0, 0, 0, 0, 1, 0, 0, 0, 0xC6, 0x03, value)
    }

    /// mov rbx, 4 GiB; mov al, [rbx]; prints it
    mutating func printFromRegion() {
        emit(0x48, 0xBB, 0, 0, 0, 0, 1, 0, 0, 0, 0x8A, 0x03)
        printAL()
    }
}

import GuestMemory

@testable import Virtio

/// A transport, and what must hold for it whatever the guest does.
final class TransportUnderTest<Device: VirtioDevice> {
    let transport: VirtioMMIOTransport<Device>
    private let host = FuzzHost()
    private let memory: FuzzMemory

    /// What a guest can see without changing anything.
    private struct View {
        var status: UInt64 = 0
        var interrupts: UInt64 = 0
        var isReady: UInt64 = 0
        var generation: UInt64 = 0
        var configuration: [UInt64] = []
    }

    private var view = View()

    /// Features of the device that a driver takes, each for one bit of the input.
    private let features: [UInt64]
    /// Causes of interrupts that are always there: whoever serves the queues elsewhere does not say when they are.
    private let lastingCauses: UInt64

    init(_ device: sending Device, memory: FuzzMemory, features: [UInt64] = [1, 2, 4]) {
        self.memory = memory
        self.features = features
        lastingCauses = device.isServedElsewhere ? 1 : 0
        transport = VirtioMMIOTransport(device: device, memory: memory.memory, interruptLine: host, notifier: host)
        view = look()
        require(view.status == 0 && view.interrupts == 0 && view.isReady == 0, "a device begins in reset")
    }

    /// Whether a driver uses the device, as of the last step.
    var isRunning: Bool { view.status & 4 != 0 }

    private func register(_ register: MMIORegister) -> UInt64 {
        transport.read(offset: register.rawValue, size: 4)
    }

    private func set(_ register: MMIORegister, _ value: UInt64) {
        transport.write(offset: register.rawValue, size: 4, value: value)
    }

    private func look() -> View {
        View(
            status: register(.status), interrupts: register(.interruptStatus) & ~lastingCauses,
            isReady: register(.queueReady),
            generation: register(.configurationGeneration),
            configuration: (0..<8).map {
                transport.read(offset: MMIORegister.configurationSpace + 8 * $0, size: 8)
            })
    }

    /// Does one thing and checks what must hold then.
    ///
    /// - Parameter other: what is special about the device.
    func step(_ input: inout InputReader, other: (TransportUnderTest, inout InputReader) -> Void) {
        let operation = input.uint8()
        var isReset = false
        var acknowledged: UInt64 = 0
        switch operation & 15 {
        case 0, 1: read(&input)
        case 2, 3: (isReset, acknowledged) = write(&input)
        case 4: negotiate(UInt64(input.uint8()))
        case 5, 6: setUpQueue(&input)
        case 7, 8: changeMemory(&input)
        case 9: makeAvailable(UInt64(operation >> 4 & 3), head: UInt64(input.uint8()))
        case 10: process(Int(Int8(bitPattern: input.uint8())))
        case 11: processNotified()
        case 12: transport.configurationChanged()
        case 13 where operation & 0xf0 == 0xf0:
            transport.systemReset()
            isReset = true
        default: other(self, &input)
        }
        check(isReset: isReset, acknowledged: acknowledged)
    }

    // MARK: Registers

    private func access(_ input: inout InputReader) -> (offset: UInt64, size: Int) {
        let byte = input.uint8()
        switch byte {
        case 0..<0x84: return (4 * UInt64(byte / 2), 4)
        case 0x84..<0xf0: return (0x100 + UInt64(byte & 63), [1, 2, 4, 8][Int(input.uint8() & 3)])
        default: return (input.uint64(), Int(Int8(bitPattern: input.uint8())))
        }
    }

    private func read(_ input: inout InputReader) {
        let (offset, size) = access(&input)
        let value = transport.read(offset: offset, size: size)
        require(value == transport.read(offset: offset, size: size), "reading changes nothing")
        if offset < MMIORegister.configurationSpace {
            require(size == 4 && offset % 4 == 0 && value <= UInt32.max || value == 0, "control registers have 32 bits")
        } else if (1...8).contains(size), offset <= UInt64.max - 8 {
            var bytes: UInt64 = 0
            for index in 0..<UInt64(size) {
                bytes |= transport.read(offset: offset + index, size: 1) << (8 * index)
            }
            require(value == bytes, "the configuration space is the same at each width")
        }
    }

    private func write(_ input: inout InputReader) -> (isReset: Bool, acknowledged: UInt64) {
        let (offset, size) = access(&input)
        let value = input.uint8()
        let wide = value == 0xff ? input.uint64() : UInt64(value)
        transport.write(offset: offset, size: size, value: wide)
        guard size == 4, let register = MMIORegister(rawValue: offset) else { return (false, 0) }
        return (
            register == .status && UInt32(truncatingIfNeeded: wide) == 0, register == .interruptAcknowledge ? wide : 0
        )
    }

    private func negotiate(_ choice: UInt64) {
        set(.status, 1)
        set(.status, 3)
        // The features of devices for the first bits, then those of queues; VERSION_1 unless it is left out.
        let own = features.enumerated().reduce(0) { $0 | (choice >> UInt64($1.offset) & 1 == 0 ? 0 : $1.element) }
        set(.driverFeaturesSelect, 0)
        set(.driverFeatures, own | choice >> 3 & 7 << 28)
        set(.driverFeaturesSelect, 1)
        set(.driverFeatures, choice & 0x80 == 0 ? 1 : choice >> 6)
        set(.status, 11)
        if choice & 0x40 == 0 { set(.status, 15) }
    }

    // MARK: Queues

    private func base(_ queue: UInt64) -> UInt64 { FuzzMemory.low + 0x1000 * (queue & 3) }

    private func setUpQueue(_ input: inout InputReader) {
        let byte = UInt64(input.uint8())
        let queue = byte & 3
        set(.queueSelect, queue)
        set(.queueSize, 1 << (byte >> 2 & 7))
        let places =
            byte & 0x80 == 0
            ? [base(queue), base(queue) + 0x800, base(queue) + 0xc00]
            : [input.address(), input.address(), input.address()]
        let registers: [(MMIORegister, MMIORegister)] = [
            (.queueDescriptorsLow, .queueDescriptorsHigh), (.queueDriverLow, .queueDriverHigh),
            (.queueDeviceLow, .queueDeviceHigh),
        ]
        for (place, register) in zip(places, registers) {
            set(register.0, place & 0xffff_ffff)
            set(register.1, place >> 32)
        }
        set(.queueReady, 1)
    }

    private func changeMemory(_ input: inout InputReader) {
        let byte = input.uint8()
        if byte & 0x80 == 0 {
            memory.storeDescriptor(UInt64(byte >> 2 & 7), of: base(UInt64(byte)), &input)
        } else {
            let address = input.address()
            for offset in 0..<UInt64(byte & 31) {
                memory[address &+ offset] = input.uint8()
            }
        }
    }

    private func makeAvailable(_ queue: UInt64, head: UInt64) {
        let ring = base(queue) + 0x800
        let index = memory.loadUInt16(ring + 2) ?? 0
        // For queues of four descriptors; in others the entries are elsewhere, or zero.
        memory.store(head, ring + 4 + 2 * UInt64(index & 3), bytes: 2)
        memory.store(UInt64(index &+ 1), ring + 2, bytes: 2)
        set(.queueNotify, queue)
    }

    private func process(_ index: Int) {
        let mayWork = view.status & 4 != 0 && view.status & 192 == 0
        let before = mayWork ? 0 : memory.checksum
        let failure = transport.processQueue(index)
        require(mayWork || failure == nil && memory.checksum == before, "queues rest unless the driver is running")
        require(failure == nil || transport.failure == failure, "who breaks a rule has to reset the device")
    }

    private func processNotified() {
        // The queue may want another turn: one more, then it is somebody else's.
        for _ in 0..<2 {
            for index in host.takeNotifications() {
                require(index >= 0 && index < transport.queueCount, "only queues that there are want a turn")
                process(index)
                view.status = register(.status)
            }
        }
    }

    // MARK: Rules

    private func check(isReset: Bool, acknowledged: UInt64) {
        let now = look()
        let status = now.status
        require(status & ~207 == 0, "status bits are those of the specification: \(status)")
        require((status & 64 != 0) == (transport.failure != nil), "NEEDS_RESET says that something is wrong")
        // ACKNOWLEDGE before DRIVER before FEATURES_OK before DRIVER_OK.
        for (later, earlier) in [(2, 1), (8, 2), (4, 8)] as [(UInt64, UInt64)] {
            require(status & later == 0 || status & earlier != 0, "status bits come in their order: \(status)")
        }
        if isReset {
            require(status == 0 && now.interrupts == 0 && now.isReady == 0, "a reset resets")
        } else {
            require(view.status & ~status == 0, "status bits stay: \(view.status), then \(status)")
            require(view.interrupts & ~acknowledged & ~now.interrupts == 0, "interrupts wait to be acknowledged")
        }
        require(now.interrupts & ~3 == 0, "interrupts have one of two causes")
        require(now.isReady == 0 || now.isReady == 1 && status & 8 != 0 && status & 64 == 0, "queues are ready in time")
        require(
            now.configuration == view.configuration || now.generation != view.generation,
            "the generation tells of changes of the configuration")
        let pulses = host.takePulses()
        require(pulses == 0 || status & 4 != 0 || isReset, "a driver that is not running is not interrupted")
        require(now.interrupts & ~view.interrupts == 0 || pulses > 0, "a cause comes with an interrupt")
        if hasPlantedBug {
            require(now.interrupts != 3 || status & 64 == 0, "what is broken does not interrupt for used buffers")
        }
        view = now
    }
}

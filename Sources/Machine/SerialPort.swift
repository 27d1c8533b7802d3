import Devices
import Host
import Synchronization
import Virtio

/// The serial port between the vCPU threads, which use its registers, and the event loop, which moves its bytes.
final class SerialPort: CharacterPort, Sendable {
    let event: EventDescriptor
    private let interrupt: any InterruptLine
    private let device: Mutex<Serial16550>
    private let demands = Demands()

    /// What the device wants while it is in use.
    private final class Demands: InterruptLine {
        let signal = Atomic(false)
        let interrupt = Atomic(false)

        func pulse() { interrupt.store(true, ordering: .relaxed) }
    }

    init(interrupt: any InterruptLine) throws(SystemCallError) {
        event = try EventDescriptor()
        self.interrupt = interrupt
        let demandSignal: @Sendable () -> Void = { [demands] in demands.signal.store(true, ordering: .relaxed) }
        device = Mutex(Serial16550(interrupt: demands, onOutput: demandSignal, onInputRoom: demandSignal))
    }

    /// Uses the device. Whoever is awakened for it wants the device, too: that is done behind.
    private func withDevice<Result>(_ body: (inout sending Serial16550) -> sending Result) -> sending Result {
        defer {
            if demands.signal.exchange(false, ordering: .relaxed) { event.signal() }
            if demands.interrupt.exchange(false, ordering: .relaxed) { interrupt.pulse() }
        }
        return device.withLock(body)
    }

    func read(offset: UInt16, size: Int) -> UInt32 {
        withDevice { $0.read(offset: offset, size: size) }
    }

    func write(offset: UInt16, size: Int, value: UInt32) {
        withDevice { $0.write(offset: offset, size: size, value: value) }
    }

    func takeOutput(limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        withDevice { $0.takeOutput(upTo: limit, appendingTo: &bytes) }
        return bytes
    }

    func receive(_ bytes: [UInt8]) -> Int {
        withDevice { $0.receive(bytes.span) }
    }

    func systemReset() {
        withDevice { $0.reset() }
    }
}

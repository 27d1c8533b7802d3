import Devices
import Host
import Synchronization
import Virtio

/// The serial port between the vCPU threads, which use its registers, and the event loop, which moves its bytes.
final class SerialPort: CharacterPort, Sendable {
    let event: EventDescriptor
    private let device: Mutex<Serial16550>

    init(interrupt: any InterruptLine) throws(SystemCallError) {
        let event = try EventDescriptor()
        self.event = event
        device = Mutex(
            Serial16550(interrupt: interrupt, onOutput: { event.signal() }, onInputRoom: { event.signal() }))
    }

    func read(offset: UInt16, size: Int) -> UInt32 {
        device.withLock { $0.read(offset: offset, size: size) }
    }

    func write(offset: UInt16, size: Int, value: UInt32) {
        device.withLock { $0.write(offset: offset, size: size, value: value) }
    }

    func takeOutput(limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        device.withLock { $0.takeOutput(upTo: limit, appendingTo: &bytes) }
        return bytes
    }

    func receive(_ bytes: [UInt8]) -> Int {
        device.withLock { $0.receive(bytes.span) }
    }

    func systemReset() {
        device.withLock { $0.reset() }
    }
}

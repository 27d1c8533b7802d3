import Devices
import Host
import Synchronization
import Virtio

/// The serial port between the vCPU threads, which use its registers, and the event loop, which moves its bytes.
final class SerialPort: CharacterPort, Sendable {
    let event: EventDescriptor
    private let device: Mutex<Serial16550>
    private let isSignalDue: SignalFlag

    /// Whether the event is to be signalled.
    private final class SignalFlag: Sendable {
        let value = Atomic(false)
    }

    init(interrupt: any InterruptLine) throws(SystemCallError) {
        let event = try EventDescriptor()
        let flag = SignalFlag()
        let demand: @Sendable () -> Void = { flag.value.store(true, ordering: .relaxed) }
        self.event = event
        isSignalDue = flag
        device = Mutex(Serial16550(interrupt: interrupt, onOutput: demand, onInputRoom: demand))
    }

    /// Uses the device. The event is signalled behind that: whom it awakens wants the device, too.
    private func withDevice<Result>(_ body: (inout sending Serial16550) -> sending Result) -> sending Result {
        defer { if isSignalDue.value.exchange(false, ordering: .relaxed) { event.signal() } }
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

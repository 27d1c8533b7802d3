import Configuration
import Devices
import GuestMemory
import Virtio

/// What a vCPU finds at I/O ports and at addresses without memory. vCPU threads use it side by side: each device
/// behind it looks after itself.
final class PlatformBus: Sendable {
    /// A device with registers in guest-physical address space.
    protocol RegisterWindow: Sendable {
        func read(offset: UInt64, size: Int) -> UInt64
        func write(offset: UInt64, size: Int, value: UInt64)
    }

    private let serial: SerialPort
    /// In the order of their windows.
    private let virtioDevices: [any RegisterWindow]
    private let memory: GuestMemory

    /// - Parameter memory: what is no register, whether the guest can reach it or not.
    init(serial: SerialPort, virtioDevices: [any RegisterWindow], memory: GuestMemory) {
        self.serial = serial
        self.virtioDevices = virtioDevices
        self.memory = memory
    }

    /// Reads memory-mapped registers; all ones where there are none.
    ///
    /// - Returns: nil for memory, which is no matter of registers.
    func read(_ address: UInt64, size: Int) -> UInt64? {
        guard let (device, offset) = virtioDevice(at: address) else { return isMemory(address) ? nil : .max }
        return device.read(offset: offset, size: size)
    }

    /// Writes memory-mapped registers; nothing happens where there are none.
    ///
    /// - Returns: false for memory, which is no matter of registers.
    @discardableResult
    func write(_ address: UInt64, size: Int, value: UInt64) -> Bool {
        guard let (device, offset) = virtioDevice(at: address) else { return !isMemory(address) }
        device.write(offset: offset, size: size, value: value)
        return true
    }

    private func isMemory(_ address: UInt64) -> Bool {
        memory.contains(GuestAddress(address), count: 1)
    }

    /// Reads a port; all ones where there is no device.
    func readPort(_ port: UInt16, size: Int) -> UInt32 {
        switch port {
        case Platform.serialPort..<Platform.serialPort + 8:
            serial.read(offset: port - Platform.serialPort, size: size)
        case Platform.sleepControlPort...Platform.resetPort: 0
        default: .max
        }
    }

    /// Writes a port; nothing happens where there is no device.
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> SleepAndReset.Event? {
        switch port {
        case Platform.serialPort..<Platform.serialPort + 8:
            serial.write(offset: port - Platform.serialPort, size: size, value: value)
        case Platform.sleepControlPort...Platform.resetPort:
            return SleepAndReset().write(offset: port - Platform.sleepControlPort, size: size, value: value)
        default: break
        }
        return nil
    }

    private func virtioDevice(at address: UInt64) -> (any RegisterWindow, UInt64)? {
        guard address >= Platform.virtioWindowStart else { return nil }
        let offset = address - Platform.virtioWindowStart
        let index = offset / Platform.virtioWindowSize
        guard index < UInt64(virtioDevices.count) else { return nil }
        return (virtioDevices[Int(index)], offset % Platform.virtioWindowSize)
    }
}

extension VirtioMMIOTransport: PlatformBus.RegisterWindow where Device: VirtioDevice {}

import Configuration
import Devices
import GuestMemory
import Host
import LinuxBoot
import Synchronization
import Testing
import Virtio

@testable import Machine

/// What vCPUs find where, without a vCPU.
@Suite struct PlatformBusTests {
    /// Registers that remember what was done to them.
    private final class Window: PlatformBus.RegisterWindow {
        private let accesses = Mutex<[String]>([])
        private let answer: UInt64

        init(answer: UInt64) {
            self.answer = answer
        }

        func read(offset: UInt64, size: Int) -> UInt64 {
            accesses.withLock { $0.append("read \(offset) \(size)") }
            return answer
        }

        func write(offset: UInt64, size: Int, value: UInt64) {
            accesses.withLock { $0.append("write \(offset) \(size) \(value)") }
        }

        func take() -> [String] {
            accesses.withLock { list in
                defer { list = [] }
                return list
            }
        }
    }

    private struct NoInterrupt: InterruptLine {
        func pulse() {}
    }

    private let serial: SerialPort
    private let windows = [Window(answer: 0x11), Window(answer: 0x22)]
    private let bus: PlatformBus

    init() throws {
        serial = try SerialPort(interrupt: NoInterrupt())
        bus = PlatformBus(serial: serial, virtioDevices: windows, memory: GuestMemory(regions: []))
    }

    // MARK: Numbers that several layers know

    @Test func theTablesNameWhatTheBusHas() {
        #expect(PlatformPorts.sleepControl == Platform.sleepControlPort)
        #expect(PlatformPorts.sleepStatus == Platform.sleepStatusPort)
        #expect(PlatformPorts.reset == Platform.resetPort)
        #expect(PlatformPorts.resetValue == Platform.resetValue)
        #expect(SleepAndReset.firstPort == Platform.sleepControlPort)
        #expect(SleepAndReset.firstPort + SleepAndReset.portCount - 1 == Platform.resetPort)
        #expect(Serial16550.portCount == 8)
        #expect(VirtioMMIOTransport<RegisterlessDevice>.byteCount <= Platform.virtioWindowSize)
    }

    private struct RegisterlessDevice: VirtioDevice {
        let deviceID: UInt32 = 0
        let features: UInt64 = 0
        let queueSizes: [UInt16] = []
        mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {}
    }

    // MARK: Ports

    @Test func theSerialPortIsAtItsPorts() {
        #expect(bus.writePort(0x3F8, size: 1, value: 0x41) == nil)
        #expect(serial.takeOutput(limit: 10) == [0x41])
        #expect(bus.readPort(0x3FD, size: 1) == 0x60, "line status: nothing on its way")
        #expect(bus.writePort(0x3FF, size: 1, value: 0x5A) == nil)
        #expect(bus.readPort(0x3FF, size: 1) == 0x5A, "scratch")
        #expect(bus.readPort(0x3F7, size: 1) == .max)
        #expect(bus.readPort(0x400, size: 1) == .max)
    }

    @Test func poweroffAndResetHaveTheirPorts() {
        #expect(bus.writePort(PlatformPorts.sleepStatus, size: 1, value: 0x80) == nil)
        let softOff = UInt32(PlatformPorts.softOffSleepType) << 2 | 0x20
        #expect(bus.writePort(PlatformPorts.sleepControl, size: 1, value: softOff) == .powerOff)
        #expect(bus.writePort(PlatformPorts.sleepControl, size: 1, value: softOff & ~0x20) == nil)
        #expect(bus.writePort(PlatformPorts.reset, size: 1, value: UInt32(PlatformPorts.resetValue)) == .reset)
        #expect(bus.writePort(PlatformPorts.reset, size: 1, value: 0) == nil)
        for port in PlatformPorts.sleepControl...PlatformPorts.reset {
            #expect(bus.readPort(port, size: 1) == 0)
        }
    }

    @Test func otherPortsAreNobodys() {
        for port in [0, 0x20, 0x70, 0x80, 0x2F8, 0x5FF, 0x603, 0xCF8, 0xFFFF] as [UInt16] {
            for size in [1, 2, 4] {
                #expect(bus.readPort(port, size: size) == .max)
                #expect(bus.writePort(port, size: size, value: .max) == nil)
            }
        }
    }

    // MARK: Memory-mapped registers

    @Test func eachDeviceHasItsWindow() {
        #expect(bus.read(0xD000_0000, size: 4) == 0x11)
        #expect(bus.read(0xD000_0FFF, size: 1) == 0x11)
        #expect(bus.read(0xD000_1070, size: 8) == 0x22)
        bus.write(0xD000_1050, size: 4, value: 7)
        #expect(windows[0].take() == ["read 0 4", "read 4095 1"])
        #expect(windows[1].take() == ["read 112 8", "write 80 4 7"])
    }

    @Test func otherAddressesAreNobodys() {
        for address in [0, 0xCFFF_FFFF, 0xD000_2000, 0xFEC0_0000, 1 << 40, .max] as [UInt64] {
            #expect(bus.read(address, size: 4) == .max)
            bus.write(address, size: 4, value: 1)
        }
        #expect(windows.flatMap { $0.take() } == [])
    }
}

import GuestMemory

@testable import Virtio

/// A device at a transport, and what a driver does with its registers.
struct DeviceFixture<Device: VirtioDevice> {
    static var ready: UInt32 { 15 }

    let memory: GuestMemory
    let host = RecordingHost()
    let transport: VirtioMMIOTransport<Device>

    /// - Parameter memory: that of the guest, where the device needs to know it.
    init(_ device: sending Device, memory: GuestMemory? = nil) throws {
        let memory = try memory ?? TestMemory.make()
        self.memory = memory
        transport = VirtioMMIOTransport(device: device, memory: memory, interruptLine: host, notifier: host)
    }

    /// A device that somebody else has put in its place, whose interrupts and notifications go there.
    init(_ transport: VirtioMMIOTransport<Device>, memory: GuestMemory) {
        self.memory = memory
        self.transport = transport
    }

    func read(_ register: MMIORegister) -> UInt32 {
        UInt32(transport.read(offset: register.rawValue, size: 4))
    }

    func write(_ register: MMIORegister, _ value: UInt32) {
        transport.write(offset: register.rawValue, size: 4, value: UInt64(value))
    }

    var offeredFeatures: UInt64 {
        write(.deviceFeaturesSelect, 0)
        let low = read(.deviceFeatures)
        write(.deviceFeaturesSelect, 1)
        return UInt64(read(.deviceFeatures)) << 32 | UInt64(low)
    }

    /// Goes as far as FEATURES_OK.
    func negotiate(_ features: UInt64 = VirtioFeature.version1) {
        write(.status, 1)
        write(.status, 3)
        write(.driverFeaturesSelect, 0)
        write(.driverFeatures, UInt32(truncatingIfNeeded: features))
        write(.driverFeaturesSelect, 1)
        write(.driverFeatures, UInt32(features >> 32))
        write(.status, 11)
    }

    /// Describes a queue and makes it ready.
    func setUp(_ setup: QueueSetup, queue index: UInt32 = 0) {
        write(.queueSelect, index)
        write(.queueSize, UInt32(setup.size))
        write(.queueDescriptorsLow, UInt32(truncatingIfNeeded: setup.descriptorTable))
        write(.queueDescriptorsHigh, UInt32(setup.descriptorTable >> 32))
        write(.queueDriverLow, UInt32(truncatingIfNeeded: setup.availableRing))
        write(.queueDriverHigh, UInt32(setup.availableRing >> 32))
        write(.queueDeviceLow, UInt32(truncatingIfNeeded: setup.usedRing))
        write(.queueDeviceHigh, UInt32(setup.usedRing >> 32))
        write(.queueReady, 1)
    }

    /// Does all that a driver does until DRIVER_OK, with one queue.
    func start(features: UInt64 = VirtioFeature.version1, size: UInt16 = 8) throws -> FakeDriver {
        let setup = TestMemory.setup(size: size)
        let driver = FakeDriver(memory: memory, setup: setup, features: features)
        _ = try driver.makeQueue()
        negotiate(features)
        setUp(setup)
        write(.status, Self.ready)
        _ = host.takeNotifications()
        return driver
    }
}

import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// The registers of virtio-mmio (virtio specification, 4.2.2), but for queues and their interrupts.
@Suite struct TransportRegisterTests {
    private let fixture: TransportFixture

    init() throws {
        fixture = try TransportFixture()
    }

    @Test func aDeviceIsRecognized() {
        #expect(fixture.read(.magicValue) == 0x7472_6976)
        #expect(fixture.read(.version) == 2)
        #expect(fixture.read(.deviceID) == 24)
        #expect(fixture.read(.vendorID) != 0)
        #expect(fixture.read(.status) == 0)
        #expect(fixture.transport.queueCount == 2)
    }

    @Test func deviceFeaturesAndThoseOfTheTransportAreOffered() {
        #expect(fixture.offeredFeatures == 0b11 | 1 << 28 | 1 << 29 | 1 << 32)
        for window in [2, 3, UInt32.max] {
            fixture.write(.deviceFeaturesSelect, window)
            #expect(fixture.read(.deviceFeatures) == 0)
        }
    }

    @Test func theStatusFollowsTheDriver() {
        for status in [1, 3] as [UInt32] {
            fixture.write(.status, status)
            #expect(fixture.read(.status) == status)
        }
        fixture.write(.driverFeaturesSelect, 1)
        fixture.write(.driverFeatures, 1)
        for status in [11, 15] as [UInt32] {
            fixture.write(.status, status)
            #expect(fixture.read(.status) == status)
        }
        #expect(fixture.events == [.activate(VirtioFeature.version1)])
        fixture.write(.status, 0)
        #expect(fixture.read(.status) == 0)
        #expect(fixture.events == [.activate(VirtioFeature.version1), .reset])
    }

    @Test func stepsCantBeLeftOut() {
        for status in [2, 4, 8, 14] as [UInt32] {
            fixture.write(.status, status)
            #expect(fixture.read(.status) == 0)
        }
        fixture.write(.status, 1)
        fixture.write(.status, 1 | 8 | 4)
        #expect(fixture.read(.status) == 1)
        fixture.write(.status, 3 | 4)
        #expect(fixture.read(.status) == 3)
        #expect(fixture.events.isEmpty)
    }

    /// "The driver MUST NOT clear a device status bit."
    @Test func bitsStaySetUntilReset() {
        fixture.negotiate()
        fixture.write(.status, 1)
        #expect(fixture.read(.status) == 11)
        fixture.write(.status, 128)
        #expect(fixture.read(.status) == 11 | 128)
        fixture.write(.status, 11)
        #expect(fixture.read(.status) == 11 | 128)
    }

    @Test func unknownAndTheDevicesOwnBitsCantBeSet() {
        fixture.write(.status, 1 | 16 | 32 | 64 | 0xffff_ff00)
        #expect(fixture.read(.status) == 1)
    }

    @Test func aFailedDriverDoesNotStart() {
        fixture.negotiate()
        fixture.write(.status, 11 | 128)
        fixture.write(.status, 15 | 128)
        #expect(fixture.read(.status) == 11 | 128)
        #expect(fixture.events.isEmpty)
    }

    @Test(arguments: [
        0, 1, VirtioFeature.version1 | 1 << 2, VirtioFeature.version1 | 1 << 33, VirtioFeature.version1 | 1 << 40,
        .max,
    ])
    func unofferedFeaturesAndLegacyDriversAreRefused(features: UInt64) {
        fixture.negotiate(features)
        #expect(fixture.read(.status) == 3)
        fixture.write(.status, 15)
        #expect(fixture.read(.status) == 3)
    }

    @Test(arguments: [VirtioFeature.version1, VirtioFeature.version1 | 1, VirtioFeature.ofQueues | 0b11])
    func subsetsOfTheOfferAreAccepted(features: UInt64) {
        fixture.negotiate(features)
        #expect(fixture.read(.status) == 11)
        fixture.write(.status, 15)
        #expect(fixture.events == [.activate(features)])
    }

    @Test func featuresBeyondSixtyFourAreRefused() {
        fixture.write(.status, 1)
        fixture.write(.status, 3)
        fixture.write(.driverFeaturesSelect, 1)
        fixture.write(.driverFeatures, 1)
        fixture.write(.driverFeaturesSelect, 2)
        fixture.write(.driverFeatures, 0)
        fixture.write(.driverFeaturesSelect, 3)
        fixture.write(.driverFeatures, 1)
        fixture.write(.status, 11)
        #expect(fixture.read(.status) == 3)
    }

    @Test func theDeviceMayRefuseFeatures() throws {
        let fixture = try TransportFixture(RecordingDevice(refused: 0b10))
        fixture.negotiate(VirtioFeature.version1 | 0b10)
        #expect(fixture.read(.status) == 3)
        // A refusal is not the end.
        fixture.negotiate(VirtioFeature.version1 | 0b01)
        #expect(fixture.read(.status) == 11)
    }

    /// "The only way to renegotiate is to reset the device."
    @Test func featuresAreFixedOnceNegotiated() {
        fixture.negotiate(VirtioFeature.version1)
        fixture.write(.driverFeaturesSelect, 0)
        fixture.write(.driverFeatures, 0b11)
        fixture.write(.status, 15)
        #expect(fixture.events == [.activate(VirtioFeature.version1)])
        fixture.write(.status, 0)
        fixture.negotiate(VirtioFeature.version1 | 1)
        #expect(fixture.read(.status) == 11)
    }

    /// "The device MUST allow reading of any device-specific configuration field before FEATURES_OK is set."
    @Test func theConfigurationSpaceIsReadAtAnyWidthAtAnyTime() {
        #expect(fixture.transport.read(offset: 0x100, size: 8) == 0x8877_6655_4433_2211)
        #expect(fixture.transport.read(offset: 0x100, size: 4) == 0x4433_2211)
        #expect(fixture.transport.read(offset: 0x104, size: 4) == 0x8877_6655)
        #expect(fixture.transport.read(offset: 0x103, size: 2) == 0x5544)
        #expect(fixture.transport.read(offset: 0x107, size: 1) == 0x88)
        #expect(fixture.transport.read(offset: 0x108, size: 4) == 0)
        #expect(fixture.transport.read(offset: .max, size: 8) == 0)
    }

    @Test func writesToTheConfigurationSpaceReachTheDevice() {
        fixture.transport.write(offset: 0x103, size: 2, value: 0x12345)
        fixture.transport.write(offset: .max, size: 8, value: .max)
        #expect(
            fixture.events == [
                .write(offset: 3, size: 2, value: 0x2345), .write(offset: .max - 0x100, size: 8, value: .max),
            ])
    }

    @Test func controlRegistersAreThirtyTwoBitsWideAndAligned() {
        for size in [1, 2, 8] { #expect(fixture.transport.read(offset: 0, size: size) == 0) }
        for offset in [1, 2, 3, 5] as [UInt64] { #expect(fixture.transport.read(offset: offset, size: 4) == 0) }
        for size in [1, 2, 8] { fixture.transport.write(offset: 0x70, size: size, value: 1) }
        fixture.transport.write(offset: 0x71, size: 4, value: 1)
        fixture.transport.write(offset: 0x6e, size: 4, value: 0x10000)
        #expect(fixture.read(.status) == 0)
    }

    @Test func thereIsNoSharedMemory() {
        for id in [0, 1, UInt32.max] {
            fixture.write(.sharedMemorySelect, id)
            for register in [
                MMIORegister.sharedMemoryLengthLow, .sharedMemoryLengthHigh, .sharedMemoryBaseLow,
                .sharedMemoryBaseHigh,
            ] {
                #expect(fixture.read(register) == .max)
            }
        }
    }

    @Test func theGenerationChangesWithTheConfiguration() {
        let first = fixture.read(.configurationGeneration)
        #expect(fixture.read(.configurationGeneration) == first)
        fixture.transport.configurationChanged()
        let second = fixture.read(.configurationGeneration)
        #expect(second != first)
        fixture.transport.withDevice { $0.configurationGeneration = 17 }
        #expect(fixture.read(.configurationGeneration) != second)
        fixture.transport.withDevice { $0.configurationGeneration = .max }
        fixture.transport.configurationChanged()
        _ = fixture.read(.configurationGeneration)
    }

    @Test func aRunningDriverIsToldOfAConfigurationChange() throws {
        _ = try fixture.start()
        #expect(fixture.read(.interruptStatus) == 0)
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 2)
        #expect(fixture.host.takePulses() == 1)
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 2)
        #expect(fixture.host.takePulses() == 1, "an edge for each event")
        fixture.write(.interruptAcknowledge, 1)
        #expect(fixture.read(.interruptStatus) == 2)
        fixture.write(.interruptAcknowledge, 3)
        #expect(fixture.read(.interruptStatus) == 0)
    }

    @Test func aDriverThatIsNotReadyIsToldLater() {
        fixture.transport.configurationChanged()
        fixture.negotiate()
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 0)
        #expect(fixture.host.takePulses() == 0)
        fixture.write(.status, 15)
        #expect(fixture.read(.interruptStatus) == 2)
        #expect(fixture.host.takePulses() == 1)
    }

    @Test func aDriverThatBeginsAfterAChangeIsNotTold() {
        fixture.transport.configurationChanged()
        fixture.negotiate()
        fixture.write(.status, 15)
        #expect(fixture.read(.interruptStatus) == 0)
        fixture.write(.status, 0)
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 0)
        #expect(fixture.host.takePulses() == 0)
    }

    @Test func registersOfTheOtherDirectionDoNothing() {
        fixture.negotiate()
        for register in [
            MMIORegister.magicValue, .version, .deviceID, .vendorID, .deviceFeatures, .queueSizeMaximum,
            .interruptStatus, .configurationGeneration, .sharedMemoryLengthLow,
        ] {
            let before = fixture.read(register)
            fixture.write(register, ~before)
            #expect(fixture.read(register) == before)
        }
        for register in [
            MMIORegister.deviceFeaturesSelect, .driverFeatures, .driverFeaturesSelect, .queueSelect,
            .queueSize, .queueNotify, .interruptAcknowledge, .queueDescriptorsLow, .queueDeviceHigh,
        ] {
            #expect(fixture.read(register) == 0)
        }
        #expect(fixture.transport.read(offset: 0x40, size: 4) == 0)
        #expect(fixture.transport.read(offset: 0xc0, size: 4) == 0, "QueueReset is not offered")
    }
}

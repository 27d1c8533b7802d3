/// The control registers of a virtio-mmio device, by their offset in bytes (virtio specification, 4.2.2). Each is 32
/// bits wide.
enum MMIORegister: UInt64 {
    case magicValue = 0x00
    case version = 0x04
    case deviceID = 0x08
    case vendorID = 0x0c
    case deviceFeatures = 0x10
    case deviceFeaturesSelect = 0x14
    case driverFeatures = 0x20
    case driverFeaturesSelect = 0x24
    case queueSelect = 0x30
    case queueSizeMaximum = 0x34
    case queueSize = 0x38
    case queueReady = 0x44
    case queueNotify = 0x50
    case interruptStatus = 0x60
    case interruptAcknowledge = 0x64
    case status = 0x70
    case queueDescriptorsLow = 0x80
    case queueDescriptorsHigh = 0x84
    case queueDriverLow = 0x90
    case queueDriverHigh = 0x94
    case queueDeviceLow = 0xa0
    case queueDeviceHigh = 0xa4
    case sharedMemorySelect = 0xac
    case sharedMemoryLengthLow = 0xb0
    case sharedMemoryLengthHigh = 0xb4
    case sharedMemoryBaseLow = 0xb8
    case sharedMemoryBaseHigh = 0xbc
    case configurationGeneration = 0xfc

    /// Where the device's configuration space begins.
    static let configurationSpace: UInt64 = 0x100
}

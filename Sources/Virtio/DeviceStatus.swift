/// The bits of the device status field (virtio specification, 2.1).
struct DeviceStatus: OptionSet, Sendable {
    let rawValue: UInt32

    static let acknowledge = DeviceStatus(rawValue: 1)
    static let driver = DeviceStatus(rawValue: 2)
    static let driverOK = DeviceStatus(rawValue: 4)
    static let featuresOK = DeviceStatus(rawValue: 8)
    static let needsReset = DeviceStatus(rawValue: 64)
    static let failed = DeviceStatus(rawValue: 128)
}

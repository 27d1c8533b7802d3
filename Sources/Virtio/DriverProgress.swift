/// How far a driver has come with initializing its device (virtio specification, 3.1.1).
@usableFromInline
enum DriverProgress: Sendable, Equatable {
    case reset
    case acknowledged
    /// The driver is choosing features.
    case driver
    /// The driver is setting up its queues.
    case negotiated(features: UInt64)
    case running(features: UInt64)

    var status: DeviceStatus {
        switch self {
        case .reset: []
        case .acknowledged: [.acknowledge]
        case .driver: [.acknowledge, .driver]
        case .negotiated: [.acknowledge, .driver, .featuresOK]
        case .running: [.acknowledge, .driver, .featuresOK, .driverOK]
        }
    }

    /// What was negotiated; nil before.
    var features: UInt64? {
        switch self {
        case .reset, .acknowledged, .driver: nil
        case .negotiated(let features), .running(let features): features
        }
    }

    @usableFromInline var isRunning: Bool {
        if case .running = self { true } else { false }
    }
}

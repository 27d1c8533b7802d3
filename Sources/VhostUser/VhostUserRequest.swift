/// What a front-end asks of a back-end (QEMU's docs/interop/vhost-user.rst, "Front-end message types").
public enum VhostUserRequest: UInt32, Sendable {
    case getFeatures = 1
    case setFeatures = 2
    case setOwner = 3
    case setMemoryTable = 5
    case setQueueSize = 8
    case setQueueAddresses = 9
    case setQueueBase = 10
    case getQueueBase = 11
    case setQueueKick = 12
    case setQueueCall = 13
    case setQueueError = 14
    case getProtocolFeatures = 15
    case setProtocolFeatures = 16
    case getQueueCount = 17
    case setQueueEnabled = 18
    case getMemorySlotCount = 36
    case addMemoryRegion = 37
    case removeMemoryRegion = 38
}

extension VhostUserRequest: CustomStringConvertible {
    /// The specification's name for it, without VHOST_USER.
    public var description: String {
        switch self {
        case .getFeatures: "GET_FEATURES"
        case .setFeatures: "SET_FEATURES"
        case .setOwner: "SET_OWNER"
        case .setMemoryTable: "SET_MEM_TABLE"
        case .setQueueSize: "SET_VRING_NUM"
        case .setQueueAddresses: "SET_VRING_ADDR"
        case .setQueueBase: "SET_VRING_BASE"
        case .getQueueBase: "GET_VRING_BASE"
        case .setQueueKick: "SET_VRING_KICK"
        case .setQueueCall: "SET_VRING_CALL"
        case .setQueueError: "SET_VRING_ERR"
        case .getProtocolFeatures: "GET_PROTOCOL_FEATURES"
        case .setProtocolFeatures: "SET_PROTOCOL_FEATURES"
        case .getQueueCount: "GET_QUEUE_NUM"
        case .setQueueEnabled: "SET_VRING_ENABLE"
        case .getMemorySlotCount: "GET_MAX_MEM_SLOTS"
        case .addMemoryRegion: "ADD_MEM_REG"
        case .removeMemoryRegion: "REM_MEM_REG"
        }
    }
}

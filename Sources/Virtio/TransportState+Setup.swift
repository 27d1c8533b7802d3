extension TransportState where Device: VirtioDevice {
    /// The driver writes a register that only changes what later ones mean.
    mutating func write(_ register: MMIORegister, _ value: UInt32) {
        switch register {
        case .deviceFeaturesSelect: features.deviceWindow = value
        case .driverFeaturesSelect: features.driverWindow = value
        case .driverFeatures:
            if case .driver = progress { features.write(value) }
        case .queueSelect: selectedQueue = value
        case .queueSize:
            // A size beyond 16 bits becomes one that is refused when the queue is made ready.
            changeSelectedQueue { $0.size = UInt16(exactly: value) ?? 0 }
        case .queueDescriptorsLow: changeSelectedQueue { $0.descriptorTable.low = value }
        case .queueDescriptorsHigh: changeSelectedQueue { $0.descriptorTable.high = value }
        case .queueDriverLow: changeSelectedQueue { $0.availableRing.low = value }
        case .queueDriverHigh: changeSelectedQueue { $0.availableRing.high = value }
        case .queueDeviceLow: changeSelectedQueue { $0.usedRing.low = value }
        case .queueDeviceHigh: changeSelectedQueue { $0.usedRing.high = value }
        default: break
        }
    }
}

extension UInt64 {
    fileprivate var low: UInt32 {
        get { UInt32(truncatingIfNeeded: self) }
        set { self = self & ~0xffff_ffff | UInt64(newValue) }
    }

    fileprivate var high: UInt32 {
        get { UInt32(truncatingIfNeeded: self >> 32) }
        set { self = self & 0xffff_ffff | UInt64(newValue) << 32 }
    }
}

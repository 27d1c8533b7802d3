import Synchronization

/// Bytes of an access.
private let accessWidths = 1...8

extension VirtioMMIOTransport where Device: VirtioDevice {
    /// A vCPU reads from the registers.
    ///
    /// - Parameters:
    ///   - offset: in bytes from the first register.
    ///   - size: 1, 2, 4 or 8 bytes.
    /// - Returns: the value; zero for what is not there, and for control registers other than 32 bits wide and aligned.
    public func read(offset: UInt64, size: Int) -> UInt64 {
        guard accessWidths.contains(size) else { return 0 }
        if offset >= MMIORegister.configurationSpace {
            let value = state.withLock { state in
                state.device.readConfiguration(offset: offset - MMIORegister.configurationSpace, size: size)
            }
            return value & mask(bytes: size)
        }
        guard size == 4, let register = MMIORegister(rawValue: offset) else { return 0 }
        return UInt64(read(register))
    }

    /// A vCPU writes to the registers. What is not there, read-only or not allowed now is ignored, as are control
    /// registers other than 32 bits wide and aligned.
    ///
    /// - Parameters:
    ///   - offset: in bytes from the first register.
    ///   - size: 1, 2, 4 or 8 bytes.
    public func write(offset: UInt64, size: Int, value: UInt64) {
        guard accessWidths.contains(size) else { return }
        if offset >= MMIORegister.configurationSpace {
            state.withLock { state in
                state.device.writeConfiguration(
                    offset: offset - MMIORegister.configurationSpace, size: size, value: value & mask(bytes: size))
            }
            return
        }
        guard size == 4, let register = MMIORegister(rawValue: offset) else { return }
        write(register, UInt32(truncatingIfNeeded: value))
    }

    private func read(_ register: MMIORegister) -> UInt32 {
        switch register {
        case .magicValue: 0x7472_6976
        case .version: 2
        case .deviceID: deviceID
        // "SWLT"
        case .vendorID: 0x544c_5753
        case .deviceFeatures: state.withLock { $0.features.read(offered: offeredFeatures) }
        case .queueSizeMaximum:
            state.withLock { state in
                state.selectedIndex.map { UInt32(state.slots[$0].maximumSize) } ?? 0
            }
        case .queueReady:
            state.withLock { state in
                state.selectedIndex.map { state.slots[$0].queue == nil ? 0 : 1 } ?? 0
            }
        case .interruptStatus: interruptStatus.load(ordering: .acquiring) | lastingCauses.rawValue
        case .status: state.withLock { $0.status.rawValue }
        // There is no shared memory region, whatever its number.
        case .sharedMemoryLengthLow, .sharedMemoryLengthHigh, .sharedMemoryBaseLow, .sharedMemoryBaseHigh: .max
        case .configurationGeneration: state.withLock { $0.configurationGeneration }
        case .deviceFeaturesSelect, .driverFeatures, .driverFeaturesSelect, .queueSelect, .queueSize, .queueNotify,
            .interruptAcknowledge, .queueDescriptorsLow, .queueDescriptorsHigh, .queueDriverLow, .queueDriverHigh,
            .queueDeviceLow, .queueDeviceHigh, .sharedMemorySelect:
            0
        }
    }

    private func write(_ register: MMIORegister, _ value: UInt32) {
        switch register {
        case .queueNotify:
            if value < UInt32(queueCount) { notifier.notify(queue: Int(value)) }
        case .interruptAcknowledge:
            interruptStatus.bitwiseAnd(~value, ordering: .acquiringAndReleasing)
        case .status:
            writeStatus(DeviceStatus(rawValue: value))
        case .queueReady:
            guard value <= 1 else { return }
            state.withLock { state in
                interrupt(state.setSelectedQueueReady(value == 1))
                if state.failure != nil { notifier.driverChanged() }
            }
        case .deviceFeaturesSelect, .driverFeatures, .driverFeaturesSelect, .queueSelect, .queueSize,
            .queueDescriptorsLow, .queueDescriptorsHigh, .queueDriverLow, .queueDriverHigh, .queueDeviceLow,
            .queueDeviceHigh:
            state.withLock { $0.write(register, value) }
        case .magicValue, .version, .deviceID, .vendorID, .deviceFeatures, .queueSizeMaximum, .interruptStatus,
            .sharedMemorySelect, .sharedMemoryLengthLow, .sharedMemoryLengthHigh, .sharedMemoryBaseLow,
            .sharedMemoryBaseHigh, .configurationGeneration:
            break
        }
    }

    private func writeStatus(_ status: DeviceStatus) {
        state.withLock { state in
            let before = state.driver
            defer { if state.driver != before { notifier.driverChanged() } }
            if status.rawValue == 0 {
                state.reset()
                interruptStatus.store(0, ordering: .releasing)
                return
            }
            let wasRunning = state.progress.isRunning
            interrupt(state.advance(to: status))
            if !wasRunning, state.progress.isRunning {
                // What was made available, and perhaps announced, before now.
                for index in state.readyQueues { notifier.notify(queue: index) }
            }
        }
    }
}

/// The bits of an access of so many bytes.
private func mask(bytes: Int) -> UInt64 {
    // Shifts by more than 63 give zero.
    ~(UInt64.max << UInt64(8 * max(0, min(bytes, 8))))
}

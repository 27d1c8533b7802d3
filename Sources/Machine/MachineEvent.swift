import VirtioMem

/// What a machine tells its owner while it runs. It is told on the machine's own thread, which waits meanwhile: pass
/// it on, don't work on it there.
public enum MachineEvent: Sendable, Equatable {
    /// A memory device's guest is asked to have so many bytes plugged, be it anew.
    case memoryDeviceSizeRequested(id: String, size: UInt64)
    /// A memory device's plugged size changed, to so many bytes.
    case memoryDeviceSizeChanged(id: String, size: UInt64)
    /// The guest has another amount of memory in its balloon; told once a second at most, and the last one always.
    case balloonChanged(BalloonStatus)
    /// A memory device's guest has not come closer to its requested size for a while, and why, as far as can be known. It
    /// is said once, and again only after something has moved.
    case resizeStalled(id: String, ResizeDiagnosis)
    /// The vCPUs run: at the start, or again.
    case resumed
    /// The vCPUs stand still: on request, or because of what was told just before.
    case paused
    /// The machine was reset: by its guest, or by a request. Whether the vCPUs run is as it was, unless that is told.
    case reset(byGuest: Bool)
    /// The power button was pressed; what comes of it is the guest's affair.
    case powerButtonPressed
    /// The guest can't go on, and why; the machine is paused, so that it can be looked at.
    case guestFailed(String)
    /// The guest touched unplugged memory of a memory device. What becomes of the machine is the device's
    /// `onViolation`.
    case violation(MemoryViolation)
    /// The host has no memory behind memory of the guest, and what is known of it; the machine is paused. Going on
    /// tries again.
    case memoryUnavailable(String)
    /// A page of the guest's memory is broken in the host's hardware, and what it held is lost: its region (`ram` or
    /// the id of a memory device) and guest-physical address. A guest that accesses it fails next.
    case hostMemoryError(region: String, address: UInt64)
    /// Something that somebody should look at, such as a memory device that the host refuses memory.
    case warning(String)
    /// The machine has ended. Nothing follows.
    case ended(MachineEnd)
}

/// Why a machine ended.
public enum MachineEnd: Sendable, Equatable {
    /// The guest switched it off.
    case powerOff
    /// The guest rebooted, and the configuration says that it shall end then.
    case reboot
    /// `stop()` was called.
    case stopped
    /// The guest touched unplugged memory, and the configuration says that this ends it.
    case violation(MemoryViolation)
    /// The host could not go on: why.
    case failed(String)
}

/// Whether a machine's vCPUs run.
public enum MachineState: Sendable, Equatable {
    case running
    /// `pause()` was called.
    case paused
    /// The guest can't go on.
    case guestFailed
    /// The guest touched unplugged memory; going on tries that again.
    case violation
    /// The host has no memory behind what the guest accesses; going on tries that again.
    case memoryUnavailable
}

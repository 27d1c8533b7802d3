import CGuest
import Host
import SystemPackage

/// Input devices that report a power button.
public struct PowerButton: ~Copyable {
    private let owned: OwnedFileDescriptor

    /// The descriptor to wait for.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// - Returns: nil for a device that has none.
    public init?(at path: FilePath) {
        let device = unsafe cg_open_power_button(path.string)
        guard device >= 0 else { return nil }
        owned = OwnedFileDescriptor(FileDescriptor(rawValue: device))
    }

    /// Gives the device away; the caller closes it.
    public consuming func release() -> FileDescriptor { owned.release() }

    /// Whether the button of such a device has been pressed since the last time.
    public static func isPressed(_ device: FileDescriptor) -> Bool { cg_is_power_button_pressed(device.rawValue) }
}

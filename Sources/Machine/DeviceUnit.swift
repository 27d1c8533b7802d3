/// A virtio device other than a memory device, with what it takes to serve it. It belongs to the event loop's thread.
protocol DeviceUnit: AnyObject {
    var place: any VirtioPlace { get }

    /// Puts it back to where it was at power-on. No virtual machine uses it meanwhile.
    func systemReset()
}

extension DeviceUnit {
    func systemReset() { place.systemReset() }
}

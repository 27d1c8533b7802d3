import Host

/// A guest's end of a channel: the serial port, or the virtio console. A `CharacterPump` moves its bytes, on the event
/// loop's thread.
protocol CharacterPort: AnyObject {
    /// Signalled when there is output after there was none, or room for input that was refused.
    var event: EventDescriptor { get }

    /// Takes output, as much as there is up to a limit in bytes.
    func takeOutput(limit: Int) -> [UInt8]

    /// Gives input to the guest; returns how many bytes it took.
    func receive(_ bytes: [UInt8]) -> Int
}

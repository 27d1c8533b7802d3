/// Why a device interrupts: the bits of InterruptStatus (virtio specification, 4.2.2).
struct InterruptCauses: OptionSet, Sendable {
    let rawValue: UInt32

    static let usedBuffer = InterruptCauses(rawValue: 1)
    static let configurationChange = InterruptCauses(rawValue: 2)
}

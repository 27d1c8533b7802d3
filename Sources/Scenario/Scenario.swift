import Control

/// A test of memory that comes and goes: what guest on what machine, what happens to it, and what must hold.
public struct Scenario: Sendable {
    public var name: String
    /// What it is about, in a sentence.
    public var about: String
    /// Words by which some of many scenarios are chosen.
    public var tags: [String]
    /// Milliseconds that the whole may take, without the boot.
    public var timeout: UInt64
    /// Milliseconds between two looks at the machine.
    public var interval: UInt64
    public var guest: GuestChoice
    /// The machine's options, as of `swiftlet run`.
    public var machine: MachineFile
    /// The ids of its memory devices.
    public var devices: [String]
    public var invariants: Invariants
    public var steps: [Step]
    /// Set where it is the failure that is tested: the scenario passes when it fails like that.
    public var failure: ExpectedFailure?

    /// Five minutes.
    public static let defaultTimeout: UInt64 = 300_000
    /// Half a second.
    public static let defaultInterval: UInt64 = 500
}

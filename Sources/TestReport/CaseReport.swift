/// What became of a scenario with one choice of its matrix.
public struct CaseReport: Sendable, Equatable {
    /// A choice of the matrix, such as `kernel` `6.1`.
    public struct Setting: Sendable, Equatable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A figure that the scenario measured.
    public struct Measurement: Sendable, Equatable {
        public enum Unit: String, Sendable, CaseIterable {
            case bytes
            case seconds
            /// A number without a unit.
            case count
        }

        public var name: String
        public var value: Double
        public var unit: Unit

        public init(_ name: String, _ value: Double, _ unit: Unit) {
            self.name = name
            self.value = value
            self.unit = unit
        }
    }

    /// The scenario's name, and what it is about: a sentence.
    public var scenario: String
    public var about: String
    /// The path of its file, as it was given.
    public var file: String
    public var matrix: [Setting]
    /// What its random steps were drawn from.
    public var seed: UInt64
    public var outcome: CaseOutcome
    /// How it failed, where that is what it is for: it has passed.
    public var foreseen: CaseFailure?
    /// When it began, in milliseconds since the run's beginning, and how long it took.
    public var begun: UInt64
    public var milliseconds: UInt64
    public var steps: [StepReport]
    public var measurements: [Measurement]
    /// The machine's memory devices, in the order of the samples' amounts.
    public var devices: [String]
    public var samples: [MemorySample]
    /// Lines of the guest kernel's log that speak of memory and of failures.
    public var kernelLog: [String]
    /// The last lines of the guest's console, where the case failed.
    public var console: [String]

    public init(
        scenario: String, about: String = "", file: String, matrix: [Setting] = [], seed: UInt64,
        outcome: CaseOutcome = .passed, foreseen: CaseFailure? = nil, begun: UInt64 = 0, milliseconds: UInt64 = 0,
        steps: [StepReport] = [],
        measurements: [Measurement] = [], devices: [String] = [], samples: [MemorySample] = [],
        kernelLog: [String] = [],
        console: [String] = []
    ) {
        self.scenario = scenario
        self.about = about
        self.file = file
        self.matrix = matrix
        self.seed = seed
        self.outcome = outcome
        self.foreseen = foreseen
        self.begun = begun
        self.milliseconds = milliseconds
        self.steps = steps
        self.measurements = measurements
        self.devices = devices
        self.samples = samples
        self.kernelLog = kernelLog
        self.console = console
    }

    /// The scenario's name with the choices of its matrix, such as `grow [kernel=6.1 block-size=2M]`.
    public var title: String {
        matrix.isEmpty
            ? scenario : scenario + " [" + matrix.map { "\($0.name)=\($0.value)" }.joined(separator: " ") + "]"
    }
}

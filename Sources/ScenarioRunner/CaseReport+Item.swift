import TestReport

extension CaseReport {
    /// Of a case of which nothing is known yet.
    ///
    /// - Parameter begun: when, in milliseconds since the run's beginning.
    init(_ item: ScenarioSuite.Item, begun: UInt64 = 0) {
        let scenario = item.test.scenario
        self.init(
            scenario: scenario.name, about: scenario.about, file: item.file,
            matrix: item.test.settings.map { .init($0.name, $0.value) }, seed: item.seed, begun: begun,
            devices: scenario.devices)
    }
}

import Testing

@testable import Scenario

/// Scenarios that are run with several choices.
struct MatrixTests {
    private func titles(_ text: String) throws -> [String] {
        try parse(text).cases.map { $0.settings.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
    }

    @Test func allCombinationsAreThereInOrder() throws {
        #expect(
            try titles("matrix: {kernel: [\"6.1\", \"6.12\"], size: [2M, 4M]}\nsteps: [settle]") == [
                "kernel=6.1 size=2M", "kernel=6.1 size=4M", "kernel=6.12 size=2M", "kernel=6.12 size=4M",
            ])
        #expect(try titles("matrix: {kernel: \"6.1\"}\nsteps: [settle]") == ["kernel=6.1"])
        #expect(try titles("steps: [settle]") == [""])
    }

    @Test func someAreLeftOut() throws {
        #expect(
            try titles("matrix: {a: [1, 2], b: [3, 4], exclude: [{a: 1, b: 4}, {a: 2, b: 3}]}\nsteps: [settle]")
                == ["a=1 b=3", "a=2 b=4"])
        #expect(try titles("matrix: {a: [1, 2], exclude: {a: 1}}\nsteps: [settle]") == ["a=2"])
    }

    @Test func furtherOnesAreNamed() throws {
        #expect(
            try titles("matrix: {a: [1, 2], b: 3, include: [{b: 4, a: 1}, {a: 2, b: 3}]}\nsteps: [settle]")
                == ["a=1 b=3", "a=2 b=3", "a=1 b=4"])
        #expect(
            try titles("matrix: {include: [{size: 2M, step: 4M}, {size: 4M, step: 8M}]}\nsteps: [settle]")
                == ["size=2M step=4M", "size=4M step=8M"])
        // Pairs go with each value of others.
        #expect(
            try titles("matrix: {k: [1, 2], include: [{size: 2M, step: 4M}, {step: 8M, size: 4M}]}\nsteps: [settle]")
                == [
                    "k=1 size=2M step=4M", "k=1 size=4M step=8M", "k=2 size=2M step=4M", "k=2 size=4M step=8M",
                ])
    }

    @Test func valuesStandWhereTheyAreNamed() throws {
        let file = try parse(
            """
            matrix: {size: [1G, 2G], kernel: ["6.1"]}
            guest: {kernel: "${{ kernel }}"}
            machine: {virtio-mem: ["id=vm0,size=4G,node=${{where}}"]}
            steps:
              - resize: {vm0: "${{ size }}"}
              - guest: echo ${size} $((1 + 1)) ${{ size }} ${{size}}
            """, values: ["where": "0"])
        let scenario = file.cases[1].scenario
        #expect(
            scenario.guest.kernel == "6.1"
                && scenario.machine.arguments(beside: []) == ["--virtio-mem=id=vm0,size=4G,node=0"])
        #expect(scenario.steps[0].text == "resize vm0 to 2G")
        guard case .guest(let command) = scenario.steps[1].action else { return #expect(Bool(false)) }
        #expect(command.command == "echo ${size} $((1 + 1)) 2G 2G")
    }

    /// (text, line, a part of the message)
    @Test(arguments: [
        ("matrix: [1]\nsteps: [settle]", 1, "matrix: expected values by name"),
        ("matrix: {a b: 1}\nsteps: [settle]", 1, "\"a b\" is no name"),
        ("matrix: {a: []}\nsteps: [settle]", 1, "matrix: a: expected a value at least"),
        ("matrix: {a: [[1]]}\nsteps: [settle]", 1, "a: expected a text"),
        ("matrix: {a: 1, exclude: {b: 1}}\nsteps: [settle]", 1, "there is no \"b\" in the matrix"),
        ("matrix: {a: 1, exclude: {a: 1}}\nsteps: [settle]", 1, "everything is left out"),
        (
            "matrix: {a: 1, b: 2, include: {b: 1}}\nsteps: [settle]", 1,
            "include: expected a value for each of a, b, and no other"
        ),
        (
            "matrix:\n  a: [1]\n  exclude:\n    - a: 1\n    - a: 2\nsteps: [settle]", 5,
            "exclude: there is no such combination"
        ),
        ("matrix: {include: [{a: 1, b: 2}, {a: 1}]}\nsteps: [settle]", 1, "expected a value for each of a, b"),
        ("matrix: {include: [{}]}\nsteps: [settle]", 1, "include: expected values by name"),
        ("matrix: {include: [{a b: 1}]}\nsteps: [settle]", 1, "\"a b\" is no name"),
        ("matrix: {a: 1}\nsteps:\n  - guest: echo ${{ b }}", 3, "${{ b }}: there is no such name; there are a"),
        ("matrix: {a: 1}\nsteps:\n  - guest: echo ${{ a", 3, "${{ without }}"),
    ])
    func mistakesAreToldWithTheirLine(text: String, line: Int, message: String) throws {
        let error = try mistake { try parse(text) }
        #expect(error.line == line)
        #expect(error.message.contains(message), "\(error.message)")
    }

    @Test func thereIsALimit() throws {
        let values = "[" + (0..<40).map { "\($0)" }.joined(separator: ", ") + "]"
        let error = try mistake {
            try parse("matrix: {a: \(values), b: \(values)}\nsteps: [settle]")
        }
        #expect(error.message == "matrix: more than 1000 cases")
    }
}

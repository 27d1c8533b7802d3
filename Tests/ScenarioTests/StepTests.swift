import Testing

@testable import Scenario

/// Every kind of step, and what is wrong with some.
struct StepTests {
    /// (step, what reports call it)
    @Test(arguments: [
        ("resize: {vm0: 1G, vm1: +256M}", "resize vm0 to 1G, vm1 by +256M"),
        ("resize: {all: -1M}", "resize all by -1M"),
        ("settle: 10s", "settle"),
        ("wait: 5s", "wait 5s"),
        (
            "wait: {vm0.plugged: <= 1G, all.plugged: unchanged 5s}",
            "wait for vm0.plugged <= 1G, all.plugged is unchanged for 5s"
        ),
        ("wait: {console: ready}", "wait for \"ready\" on the console"),
        ("check: {guest.MemTotal: 1G .. 2G}", "check guest.MemTotal is from 1G to 2G"),
        ("host: {resident: < 1G, events: {RESET: 0}}", "check host.resident < 1G, events.RESET == 0"),
        ("guest: uname -r", "guest: uname -r"),
        ("workload: {start: pattern, size: 1G, node: 0, as: data}", "start workload data: pattern 1G in node 0"),
        ("reboot:", "reboot"), ("reboot: host", "reset the machine"), ("kexec: nokaslr", "kexec"),
        ("stop:", "stop"), ("cont:", "cont"),
        ("inject: kill", "kill the machine's process"),
        ("inject: {freeze: 2s}", "freeze the machine's process for 2s"),
        ("inject: {memory-limit: 1G}", "limit the machine's memory to 1G"),
        ("inject: {memory-limit: none}", "lift the limit of the machine's memory"),
        ("keep: {before: guest.MemFree}", "keep before"),
        ("measure: {came back: 1G - vm0.plugged}", "measure came back"),
        ("parallel: [settle, [settle, stop]]", "2 lists of steps side by side"),
        ("repeat: {times: 3, steps: [settle]}", "repeat 3 times"),
        ("random: {count: 20, to: 1G}", "20 random resizes"),
    ])
    func eachKindIsRead(step: String, text: String) throws {
        let steps = try parseSteps("  - \(step)").steps
        #expect(steps.count == 1 && steps[0].text == text)
    }

    @Test func aStepHasANameAndATimeout() throws {
        let steps = try parseSteps(
            """
              - resize: {vm0: 1G}
                settle: 2m
                name: grow
              - wait: {vm0.plugged: 0}
                timeout: 5s
              - settle
              - resize: {vm0: 1G}
                settle:
            """
        ).steps
        #expect(
            steps.map(\.name) == ["grow", nil, nil, nil] && steps.map(\.timeout) == [120_000, 5000, 60_000, 60_000])
        let settle = steps.map { if case .resize(let resize) = $0.action { resize.settles } else { false } }
        #expect(settle == [true, false, false, true])
    }

    @Test func stepsWithinStepsAreNumbered() throws {
        let steps = try parseSteps(
            "  - settle\n  - parallel: [stop, [cont, settle]]\n  - repeat: {times: 2, steps: [settle, stop]}"
        ).steps
        guard case .parallel(let branches) = steps[1].action, case .repeat(2, let inner) = steps[2].action else {
            return #expect(Bool(false))
        }
        #expect(branches.map { $0.map(\.number) } == [["2.1"], ["2.2.1", "2.2.2"]])
        #expect(inner.map(\.number) == ["3.1", "3.2"])
    }

    @Test func aCommandSaysWhatIsExpected() throws {
        let steps = try parseSteps(
            """
              - guest:
                  run: cat /proc/uptime
                  status: any
                  output: {contains: [a, b], lacks: c}
                  errors: ""
                  keep: uptime
            """
        ).steps
        guard case .guest(let command) = steps[0].action else { return #expect(Bool(false)) }
        #expect(command.status == nil && command.keptAs == "uptime" && !command.restarts)
        #expect(
            command.output.map(\.text) == ["a", "b", "c"]
                && command.output.map(\.kind) == [.contains, .contains, .lacks])
        #expect(
            command.errors.map(\.kind) == [.equals] && command.errors[0].holds("\n") && !command.errors[0].holds("x"))
    }

    @Test func whatIsWaitedForOrRefusedIsSaid() throws {
        let steps = try parseSteps(
            """
              - {resize: {vm0: 3M}, refused: multiple}
              - {wait: {guest: test -e /tmp/x}, timeout: 1.5s}
              - wait: {console: "login:"}
            """
        ).steps
        guard case .resize(let resize) = steps[0].action, case .waitForGuest(let command) = steps[1].action,
            case .console("login:") = steps[2].action
        else { return #expect(Bool(false)) }
        #expect(resize.refusal == "multiple" && !resize.settles && command == "test -e /tmp/x")
        #expect(steps[1].timeout == 1500)
        #expect(steps[0].text == "resize vm0 to 3M, which is refused")
    }

    /// (step, a part of the message)
    @Test(arguments: [
        ("jump", "there is no step \"jump\"; there are resize, wait"),
        ("{resize: {vm0: 1G}, check: {vm0.plugged: 1}}", "a step does one thing: \"resize\" or \"check\""),
        ("{check: {vm0.plugged: 1}, settle: 5s}", "check: there is no \"settle\" beside it"),
        ("{settle: , nmae: x}", "settle: there is no \"nmae\" beside it; there are name, timeout"),
        ("[settle]", "expected a step"),
        ("{settle: , refused: x}", "settle: there is no \"refused\" beside it"),
        ("{resize: {vm0: 1G}, settle: 5s, refused: x}", "resize: what is refused does not settle"),
        ("{resize: {vm0: 1G}, refused: [x]}", "refused: expected a text"),
        ("wait: {guest: [x]}", "guest: expected a text"),
        ("resize: 1G", "resize: expected sizes by device"),
        ("resize: {}", "resize: expected a device with its size"),
        ("resize: {vm2: 1G}", "there is no memory device \"vm2\"; there are vm0, vm1, and all"),
        ("resize: {vm0: 1X}", "resize: vm0: \"1X\" is neither a number nor a size"),
        ("resize: {vm0: 1G+1M}", "\"1G+1M\" is neither"),
        ("wait: soon", "wait: \"soon\" is not a duration"),
        ("wait: [1]", "wait: expected a duration, or figures"),
        ("check: {vm0.pluged: 1}", "check: \"vm0.pluged\" is no figure: there are ID.requested"),
        ("check: {vm2.plugged: 1}", "there is no memory device \"vm2\""),
        ("check: {vm0.plugged: \"1G +\"}", "expected + or - between two terms"),
        ("check: {vm0.plugged: 90%}", "expected a figure behind 90%"),
        ("check: {vm0.plugged: unchanged 5s}", "check: \"unchanged\" is for 'wait'"),
        ("check: {vm0.plugged: before}", "\"before\" is no figure, and nothing is kept by that name before"),
        ("check: {}", "check: expected a figure"),
        ("host: {plugged: 1}", "\"host.plugged\" is no figure"),
        ("host: {resident: unchanged 5s}", "host: \"unchanged\" is for 'wait'"),
        ("inject: {memory-limit: -1.5G}", "memory-limit: \"-1.5G\""),
        ("random: {count: 1, to: -0.5G}", "to: \"-0.5G\""),
        ("wait: {guest: }", "guest: expected a text"),
        ("wait: {console: \"\"}", "console: expected a text"),
        ("{resize: {vm0: 1G}, refused: }", "refused: expected a text"),
        ("keep: {guest: elapsed}", "keep: \"guest\" means something else"),
        ("guest: {run: x, keep: took}", "keep: \"took\" means something else"),
        ("check: {vm0.plugged: nanM}", "\"nanM\""),
        ("check: {vm0.plugged: 1e308T}", "\"1e308T\" is neither a number nor a size"),
        ("guest:", "guest: expected a command"),
        ("guest: {status: 0}", "guest: expected a command, or 'run:' with one"),
        ("guest: {run: x, status: 256}", "status: expected a number from 0 to 255"),
        ("guest: {run: x, output: {has: y}}", "output: there is no \"has\"; there are equals, contains, lacks"),
        ("guest: {run: x, keep: 1st}", "keep: \"1st\" is no name"),
        ("workload: {start: heavy, size: 1G}", "start: expected one of pattern, anonymous"),
        ("workload: {start: pattern}", "workload: expected its size"),
        ("workload: {start: pattern, size: 1M, node: 1}", "there is no node 1; there are 0"),
        ("workload: {start: dirty, size: 1M}", "workload: dirty uses the machine's last disk, and there is none"),
        ("check: {guest.node2.MemFree: 0}", "there is no node 2; there are 0"),
        ("check: {vm0.plugged: 1 GB}", "\"1 GB\": sizes have K, M, G or T right behind the number"),
        ("check: {vm0.plugged: = 0}", "\"= 0\": what a figure is to equal stands there alone, or behind =="),
        ("wait: {guest: ls, timeout: 5s}", "wait: timeout stands beside it, not in it"),
        ("workload: {stop: x, size: 1G}", "workload: size is for 'start'"),
        ("workload: {stop: x}", "workload: none called \"x\" runs; none does"),
        ("workload: {size: 1G}", "workload: expected one of start, stop, verify"),
        ("reboot: now", "reboot: expected guest or host"),
        ("stop: now", "stop: nothing stands behind it"),
        ("inject: burn", "inject: expected"),
        ("inject: {freeze: 1s, memory-limit: 1G}", "inject: expected kill, freeze or memory-limit"),
        ("keep: {1st: elapsed}", "keep: \"1st\" is no name"),
        ("measure: {a: b}", "\"b\" is no figure"),
        ("parallel: [settle]", "parallel: expected a list of steps, or of lists of steps, two at least"),
        ("repeat: {times: 0, steps: [settle]}", "times: expected a number from 1 to 10000"),
        ("repeat: {times: 2}", "repeat: expected times and steps"),
        ("random: {count: 2}", "random: expected count and to"),
        ("random: {count: 2, to: 1M, from: 2M}", "random: expected a step that is not 0, and 'from' at most 'to'"),
        ("{check: {vm0.plugged: 1}, timeout: 5s}", "check: it has no timeout"),
        ("{wait: 5s, timeout: 5s}", "wait: a duration has no timeout"),
        ("guest: {run: reboot, restarts: true, status: 0}", "guest: status can't be told of a command"),
        ("random: {count: 1, to: 18446744073709551615, step: 1}", "which is at most 4194303T"),
        ("random: {count: 2, to: 1M, devices: vm7}", "there is no memory device \"vm7\"; there are vm0, vm1"),
    ])
    func mistakesAreToldWithTheirLine(step: String, message: String) throws {
        let error = try mistake { try parseSteps("  - settle\n  - \(step)") }
        #expect(error.line == 7, "\(error)")
        #expect(error.message.contains(message), "\(error.message)")
    }

    /// What is there is used, also in pieces of less than a whole unit.
    @Test func nodesAndDisksAreThere() throws {
        let machine = "  numa: [{node: 0, cpus: 0, memory: 512M}, {node: 3}]\n  disk: path=x\n"
        let text =
            "machine:\n\(machine)steps:\n  - workload: {start: dirty, size: 1M, node: 3}\n  - check: {guest.node3.MemFree: 0}\n"
        #expect(try parse(text + "  - inject: {memory-limit: 1.5G}").cases[0].scenario.steps.count == 3)
    }

    @Test func whatRunsIsKnown() throws {
        let start = "  - workload: {start: pattern, size: 1M}\n"
        _ = try parseSteps(start + "  - workload: {verify: pattern}\n  - workload: {stop: pattern}\n" + start)
        for wrong in [
            start + start, start + "  - reboot\n  - workload: {stop: pattern}",
            start + "  - guest: {run: reboot, restarts: true}\n  - workload: {stop: pattern}",
            "  - repeat: {times: 2, steps: [{workload: {start: pattern, size: 1M}}]}",
            start + "  - repeat: {times: 2, steps: [{workload: {stop: pattern}}]}",
        ] {
            #expect(throws: ScenarioErrors.self) { try parseSteps(wrong) }
        }
        _ = try parseSteps(start + "  - reboot\n" + start)
    }
}

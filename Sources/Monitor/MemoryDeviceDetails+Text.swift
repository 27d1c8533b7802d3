import Machine

extension MemoryDeviceDetails {
    /// The device as `info memory-devices` shows it, with how its guest follows the requested size.
    var text: String {
        let situation = diagnosis.situation
        var fields = [
            ("driver", driverText), ("requests", situation.activity.text),
            ("last-request", situation.activity.last.map { "\($0.request.text): \($0.response.text)" } ?? "none"),
            ("idle", seconds(situation.idleTime)), ("since-progress", seconds(situation.timeWithoutProgress)),
            ("reminders", "\(situation.reminders)"),
        ]
        if let refusal = situation.refusal {
            fields.append(("host-refusal", "\(refusal)"))
        }
        if let discardFailure {
            fields.append(("not-taken-back", "\(undiscardedSize) (\(discardFailure))"))
        }
        for finding in diagnosis.findings {
            fields.append(("why", finding.text))
            fields.append(("try", finding.nextStep))
        }
        return status.text + fields.map { "  \($0.0): \($0.1)\n" }.joined()
    }

    private var driverText: String {
        switch diagnosis.situation.driver {
        case .absent: "none"
        case .starting: "starting"
        case .refused(let features): "refused, with features 0x\(String(features, radix: 16))"
        case .failed: "gave up"
        case .running(let features): "running, with features 0x\(String(features, radix: 16))"
        case .needsReset(let error): "needs to reset the device: \(error)"
        }
    }

    private func seconds(_ milliseconds: UInt64) -> String {
        "\(milliseconds / 1_000).\(milliseconds / 100 % 10) s"
    }
}

import type { CheckResult, VerifyReport, WorkEnvironment } from '@factory/shared'
import { Icon } from '../../ui/icon.tsx'
import { Empty } from '../../ui/section.tsx'
import { duration } from '../../ui/time.ts'

export function Evidence({ report, environment }: { report: VerifyReport | null; environment: WorkEnvironment | null }) {
  return (
    <>
      {report ? <Report report={report} /> : <Empty title="Not checked yet">The repository's own checks run in a clean room when the work is done.</Empty>}
      {environment && (
        <details>
          <summary>Setup and checks ({environment.source === 'factory_yml' ? 'from .factory.yml' : environment.source === 'detected' ? 'detected' : environment.source === 'spec' ? 'from the spec' : 'none found'})</summary>
          <pre className="code">{[...environment.setup.map((line) => `setup:  ${line}`), ...environment.verify.map((line) => `verify: ${line}`), ...(environment.required ?? []).map((line) => `must:   ${line}`), ...environment.notes.map((line) => `        ${line}`)].join('\n')}</pre>
        </details>
      )}
    </>
  )
}

function Report({ report }: { report: VerifyReport }) {
  return (
    <>
      <p className={`evidence evidence-${report.passed ? 'passed' : 'failed'}`}>
        <Icon name={report.passed ? 'check' : 'cross'} /> <strong>{report.passed ? 'Passed' : 'Not passed'}</strong>: {report.reason}
      </p>
      <p className="quiet">
        {report.diff.files} files, +{report.diff.insertions} −{report.diff.deletions}, from {report.baseSha.slice(0, 10)} to {report.headSha.slice(0, 10)}
      </p>
      <ul className="checks">
        {report.head.map((check) => (
          <li key={check.command}>
            <Check check={check} before={report.base.find((base) => base.command === check.command)} />
          </li>
        ))}
      </ul>
      {report.findings.length > 0 && (
        <ul className="findings">
          {report.findings.map((finding) => (
            <li key={`${finding.rule}${finding.path}${finding.message}`}>
              <strong>{finding.blocking ? 'Blocks' : finding.asked ? 'Asked for, to confirm' : 'To look at'}</strong>: {finding.message}
              {finding.path && <code> {finding.path}</code>}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

function Check({ check, before }: { check: CheckResult; before: CheckResult | undefined }) {
  const good = check.exitCode === 0
  const tests = check.tests
  return (
    <details>
      <summary>
        <span className={`evidence evidence-${good ? 'passed' : 'failed'}`}>
          <Icon name={good ? 'check' : 'cross'} size={12} /> {good ? 'passed' : check.timedOut ? 'timed out' : `exit ${check.exitCode ?? 'by signal'}`}
        </span>{' '}
        <code>{check.command}</code> <span className="quiet">{duration(check.durationMs / 1000)}{tests && ` · ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`}</span>
      </summary>
      {before && <p className="quiet">Before the change: {before.exitCode === 0 ? 'passed' : before.timedOut ? 'timed out' : `exit ${before.exitCode ?? 'by signal'}`}</p>}
      <pre className="code">{check.outputTail || '(no output)'}</pre>
    </details>
  )
}

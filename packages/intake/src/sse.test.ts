import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { createSseParser } from './sse.ts'

test('reads ids, names, data of several lines and comments', () => {
  const parse = createSseParser()
  expect(parse(': hello\n\nid: 7\nevent: work.status\ndata: {"a":\ndata: 1}\n\ndata:x\r\n\r\nid: 8\n\n')).toEqual([
    { id: '7', event: 'work.status', data: '{"a":\n1}' },
    { id: null, event: 'message', data: 'x' },
  ])
})

test('how the stream is cut changes nothing', () => {
  const stream = 'id: 1\r\ndata: one\r\n\r\n: ping\n\nevent: progress\ndata: two\ndata:  three\n\nid:4\rdata: four\r\rdata: never ended'
  const whole = createSseParser()(stream)
  expect(whole).toHaveLength(3)
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), (cuts) => {
      const parse = createSseParser()
      const points = [0, ...cuts.sort((a, b) => a - b), stream.length]
      expect(points.slice(1).flatMap((end, index) => parse(stream.slice(points[index], end)))).toEqual(whole)
    }),
  )
})

import { explainGithubError, type Github } from '@factory/github'
import { split } from './read.ts'

export type Writer = ReturnType<typeof createWriter>

/** What intake changes on GitHub. Every call may be repeated without a second visible result, but `createComment`. */
export function createWriter({ octokit }: Pick<Github, 'octokit'>) {
  const { rest } = octokit
  /** `owner/name\nlabel` that are known to be there. */
  const labels = new Set<string>()

  return {
    /** Makes the label in the repository when it is missing. */
    async ensureLabel(repo: string, name: string, look: { color: string; description: string }): Promise<void> {
      const key = `${repo}\n${name.toLowerCase()}`
      if (labels.has(key)) return
      try {
        await rest.issues.getLabel({ ...split(repo), name })
      } catch (error) {
        if (explainGithubError(error).code !== 'repository_not_found') throw error
        await rest.issues.createLabel({ ...split(repo), name, ...look }).catch((failed: unknown) => {
          // 422: somebody was faster, or the first try was carried out although it was answered with an error.
          if (explainGithubError(failed).code !== 'validation') throw failed
        })
      }
      labels.add(key)
    },

    async addLabel(repo: string, number: number, name: string): Promise<void> {
      await rest.issues.addLabels({ ...split(repo), issue_number: number, labels: [name] })
    },

    async removeLabel(repo: string, number: number, name: string): Promise<void> {
      await rest.issues.removeLabel({ ...split(repo), issue_number: number, name }).catch((error: unknown) => {
        if (explainGithubError(error).code !== 'repository_not_found') throw error
      })
    },

    /** Not repeated by itself: after a failure look for the comment first. */
    async createComment(repo: string, number: number, body: string): Promise<number> {
      return (await rest.issues.createComment({ ...split(repo), issue_number: number, body })).data.id
    },

    async deleteComment(repo: string, id: number): Promise<void> {
      await rest.issues.deleteComment({ ...split(repo), comment_id: id }).catch((error: unknown) => {
        if (explainGithubError(error).code !== 'repository_not_found') throw error
      })
    },

    /** False: the comment is not there any more. */
    async updateComment(repo: string, id: number, body: string): Promise<boolean> {
      try {
        await rest.issues.updateComment({ ...split(repo), comment_id: id, body })
        return true
      } catch (error) {
        if (explainGithubError(error).code === 'repository_not_found') return false
        throw error
      }
    },
  }
}

/**
 * Um disco que deixa de gravar, por um tempo.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { pausar } from "./acaso.ts";

/** Tentativas de tomar a tranca, entre uma gravação do servidor e outra. */
const TENTATIVAS = 40;

/** Entre duas tentativas, em milissegundos. */
const ENTRE_TENTATIVAS_MS = 5;

/**
 * Congela o disco de um servidor vivo, tomando de fora a tranca de escrita da sua tabela;
 * devolve quem o descongela, ou `undefined` se o servidor a segura (pausado a meio de uma
 * transação, por exemplo).
 *
 * Imita um disco que não grava e volta: até um segundo (o busy_timeout do servidor) a transação
 * espera e a thread do disco com ela; além disso falha inteira, antes de escrever o que seja, e
 * é tentada de novo. Não imita um fsync que demora sem falhar, um erro a meio da escrita, um
 * disco que diz ter sincronizado e não o fez, nem um que não lê.
 */
export async function congelarDisco(pasta: string): Promise<(() => void) | undefined> {
  const banco = new DatabaseSync(`${pasta}/tabela.sqlite`, { timeout: 0 });
  for (let n = 0; n < TENTATIVAS; n++) {
    try {
      banco.exec("BEGIN IMMEDIATE");
      return () => banco.close();
    } catch {
      await pausar(ENTRE_TENTATIVAS_MS);
    }
  }
  banco.close();
  return undefined;
}

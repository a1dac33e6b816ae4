/**
 * O que as partes da ponte têm em comum.
 *
 * @module
 */

import type { Conexao } from "../lib/conexao.ts";
import type { Conexoes } from "../lib/conexoes.ts";
import type { Corpo } from "../mensagem.ts";
import type { Etcd } from "./etcd.ts";

/** Operações de uma transação do etcd: o máximo de um por configurar. */
export const OPERACOES_MAX = 128;

/** Como está o membro ao lado. */
export interface Membro {
  /** Se responde: só então se atendem clientes. */
  presente: boolean;
  /** Se conhece um líder: só então se lhe mandam PUTs. */
  comLider: boolean;
}

/** O que as partes da ponte usam umas das outras. */
export interface Partes {
  readonly etcd: Etcd;
  enviar(conexao: Conexao, corpo: Corpo): void;
  conexoesDe(conexao: Conexao): Conexoes;
}
